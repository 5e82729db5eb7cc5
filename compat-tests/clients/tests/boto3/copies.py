import datetime

from common import bucket, client, refused

s3 = client()
b, other = bucket(s3, "copies"), bucket(s3, "other")
put = s3.put_object(Bucket=b, Key="a b/ü", Body=b"hello", ContentType="x/y", Metadata={"m": "1"})
source = {"Bucket": b, "Key": "a b/ü"}

copied = s3.copy_object(Bucket=other, Key="c", CopySource=source)
assert copied["CopyObjectResult"]["ETag"] == put["ETag"]
got = s3.get_object(Bucket=other, Key="c")
assert (got["Body"].read(), got["ContentType"], got["Metadata"]) == (b"hello", "x/y", {"m": "1"})

s3.copy_object(Bucket=other, Key="c", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "2"},
               ContentType="z/z")
got = s3.head_object(Bucket=other, Key="c")
assert (got["ContentType"], got["Metadata"]) == ("z/z", {"n": "2"})

with refused("InvalidRequest", 400):
    s3.copy_object(Bucket=b, Key="a b/ü", CopySource=source)
s3.copy_object(Bucket=b, Key="a b/ü", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "3"})
got = s3.get_object(Bucket=b, Key="a b/ü")
assert got["Metadata"] == {"n": "3"} and got["Body"].read() == b"hello"

past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
s3.copy_object(Bucket=other, Key="d", CopySource=source, CopySourceIfMatch=put["ETag"])
for conditions in [{"CopySourceIfMatch": '"other"'}, {"CopySourceIfNoneMatch": put["ETag"]},
                   {"CopySourceIfUnmodifiedSince": past}]:
    with refused("PreconditionFailed", 412):
        s3.copy_object(Bucket=other, Key="d", CopySource=source, **conditions)
with refused("NoSuchKey", 404):
    s3.copy_object(Bucket=other, Key="d", CopySource={"Bucket": b, "Key": "absent"})
with refused("NoSuchBucket", 404):
    s3.copy_object(Bucket=other, Key="d", CopySource={"Bucket": "absent-bucket", "Key": "k"})
s3.delete_object(Bucket=b, Key="a b/ü")
assert s3.get_object(Bucket=other, Key="d")["Body"].read() == b"hello"
