"""What files on S3 cost: uploads, downloads and reads beside those of boto3, against a MinIO."""
