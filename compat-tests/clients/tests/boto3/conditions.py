import datetime

from common import bucket, client, refused

s3 = client()
b = bucket(s3, "conditions")
etag = s3.put_object(Bucket=b, Key="k", Body=b"one")["ETag"]
now = s3.head_object(Bucket=b, Key="k")["LastModified"]
before, after = now - datetime.timedelta(hours=1), now + datetime.timedelta(hours=1)

for read in (s3.get_object, s3.head_object):
    read(Bucket=b, Key="k", IfMatch=etag)
    read(Bucket=b, Key="k", IfMatch="*")
    read(Bucket=b, Key="k", IfNoneMatch='"other"')
    read(Bucket=b, Key="k", IfModifiedSince=before)
    read(Bucket=b, Key="k", IfUnmodifiedSince=after)
    read(Bucket=b, Key="k", IfMatch=etag, IfUnmodifiedSince=before)
    with refused("PreconditionFailed" if read == s3.get_object else "412", 412):
        read(Bucket=b, Key="k", IfMatch='"other"')
    with refused("PreconditionFailed" if read == s3.get_object else "412", 412):
        read(Bucket=b, Key="k", IfUnmodifiedSince=before)
    with refused("304", 304):
        read(Bucket=b, Key="k", IfNoneMatch=etag)
    with refused("304", 304):
        read(Bucket=b, Key="k", IfModifiedSince=now)
    with refused("304", 304):
        read(Bucket=b, Key="k", IfNoneMatch=etag, IfModifiedSince=before)

with refused("PreconditionFailed", 412):
    s3.put_object(Bucket=b, Key="k", Body=b"two", IfNoneMatch="*")
with refused("PreconditionFailed", 412):
    s3.put_object(Bucket=b, Key="k", Body=b"two", IfMatch='"other"')
with refused("NoSuchKey", 404):
    s3.put_object(Bucket=b, Key="absent", Body=b"two", IfMatch=etag)
assert s3.get_object(Bucket=b, Key="k")["Body"].read() == b"one"
s3.put_object(Bucket=b, Key="new", Body=b"new", IfNoneMatch="*")
etag = s3.put_object(Bucket=b, Key="k", Body=b"two", IfMatch=etag)["ETag"]
assert s3.get_object(Bucket=b, Key="k")["Body"].read() == b"two"


def completed(**conditions):
    upload = s3.create_multipart_upload(Bucket=b, Key="k")["UploadId"]
    part = s3.upload_part(Bucket=b, Key="k", UploadId=upload, PartNumber=1, Body=b"three")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    return s3.complete_multipart_upload(Bucket=b, Key="k", UploadId=upload, MultipartUpload=parts, **conditions)


with refused("PreconditionFailed", 412):
    completed(IfNoneMatch="*")
with refused("PreconditionFailed", 412):
    completed(IfMatch='"other"')
completed(IfMatch=etag)
assert s3.get_object(Bucket=b, Key="k")["Body"].read() == b"three"
with refused("PreconditionFailed", 412):
    s3.delete_object(Bucket=b, Key="k", IfMatch='"other"')
s3.delete_object(Bucket=b, Key="k", IfMatch=s3.head_object(Bucket=b, Key="k")["ETag"])
with refused("NoSuchKey", 404):
    s3.get_object(Bucket=b, Key="k")
