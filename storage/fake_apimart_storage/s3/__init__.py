"""`s3://BUCKET/PREFIX`: objects in any store that speaks S3, through boto3."""
