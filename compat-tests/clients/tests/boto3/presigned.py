import http.client
import urllib.parse
import urllib.request

from common import bucket, client

s3 = client()
b = bucket(s3, "presigned")


def call(url, method="GET", body=None):
    """Without headers of its own: V2 signs the Content-Type that urllib would add."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.request(method, url[url.index(parts.netloc) + len(parts.netloc):], body=body)
    answer = connection.getresponse()
    return answer.status, answer.read()


for version in ["s3v4", "s3"]:
    signer = client(signature_version=version)

    def presign(operation, seconds=60, **parameters):
        return signer.generate_presigned_url(operation, {"Bucket": b, **parameters}, ExpiresIn=seconds)

    key = f"dir/a b+{version}"
    assert call(presign("put_object", Key=key), "PUT", b"hello")[0] == 200
    assert call(presign("get_object", Key=key)) == (200, b"hello")
    url = presign("get_object", Key=key, ResponseContentDisposition="attachment")
    with urllib.request.urlopen(url) as answer:
        assert answer.headers["Content-Disposition"] == "attachment"
    status, body = call(presign("get_object", Key=key).replace("dir/", "other/"))
    assert status == 403 and b"SignatureDoesNotMatch" in body
    status, body = call(presign("get_object", Key=key), "PUT", b"x")
    assert status == 403 and b"SignatureDoesNotMatch" in body
    # V2 carries the moment it ends, V4 a span that cannot be negative.
    status, body = call(presign("get_object", seconds=-60, Key=key))
    expected = {"s3": (403, b"AccessDenied"), "s3v4": (403, b"AuthorizationQueryParametersError")}[version]
    assert status == expected[0] and expected[1] in body, (version, status, body)
    assert call(presign("delete_object", Key=key), "DELETE")[0] == 204

url = client(signature_version="s3v4").generate_presigned_url("get_object", {"Bucket": b, "Key": "k"}, ExpiresIn=604801)
status, body = call(url)
assert status == 403 and b"AuthorizationQueryParametersError" in body, (status, body)
