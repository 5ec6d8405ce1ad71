"""`s3://BUCKET/PREFIX`: objects in any S3-compatible store, through boto3.

Everything that knows boto3 or S3 belongs here. What other storages need too does not.
"""
