"""moto's S3 server with an existing bucket, on a free port that it prints.

moto's own command needs a fixed port and starts without a bucket.
"""

from __future__ import annotations

import sys
import threading

import boto3
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from tests.stores import REGION

BUCKET = "bench"


def main() -> None:
    """Listen on a free port, print it, and serve until terminated."""
    app = DomainDispatcherApplication(create_backend_app)
    # As moto's own command does: a thread per connection, with keep-alive.
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    url = f"http://127.0.0.1:{server.server_port}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
    )
    client.create_bucket(Bucket=BUCKET)
    client.close()
    sys.stdout.write(f"listening on {url} \n")
    sys.stdout.flush()
    serving.join()


if __name__ == "__main__":
    main()
