from common import client, refused

s3 = client()
assert s3.list_buckets()["Buckets"] == []
s3.create_bucket(Bucket="one-bucket")
s3.create_bucket(Bucket="two-bucket")
assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["one-bucket", "two-bucket"]
assert [b["Name"] for b in s3.list_buckets(Prefix="two")["Buckets"]] == ["two-bucket"]
page = s3.list_buckets(MaxBuckets=1)
assert [b["Name"] for b in page["Buckets"]] == ["one-bucket"]
page = s3.list_buckets(MaxBuckets=1, ContinuationToken=page["ContinuationToken"])
assert [b["Name"] for b in page["Buckets"]] == ["two-bucket"] and "ContinuationToken" not in page

s3.head_bucket(Bucket="one-bucket")
assert s3.get_bucket_location(Bucket="one-bucket")["LocationConstraint"] is None
with refused("404", 404):
    s3.head_bucket(Bucket="no-such-bucket")
with refused("NoSuchBucket", 404):
    s3.list_objects_v2(Bucket="no-such-bucket")
with refused("NoSuchBucket", 404):
    s3.put_object(Bucket="no-such-bucket", Key="k", Body=b"x")
with refused("NoSuchBucket", 404):
    s3.delete_object(Bucket="no-such-bucket", Key="k")

s3.put_object(Bucket="one-bucket", Key="k", Body=b"x")
with refused("BucketNotEmpty", 409):
    s3.delete_bucket(Bucket="one-bucket")
s3.delete_object(Bucket="one-bucket", Key="k")
upload = s3.create_multipart_upload(Bucket="one-bucket", Key="k")
s3.upload_part(Bucket="one-bucket", Key="k", UploadId=upload["UploadId"], PartNumber=1, Body=b"x")
s3.delete_bucket(Bucket="one-bucket")
with refused("NoSuchBucket", 404):
    s3.delete_bucket(Bucket="one-bucket")
assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["two-bucket"]

# What boto3 would not send by itself is refused by the server.
raw = client()
raw.meta.events.unregister("before-parameter-build.s3", __import__("botocore.handlers").handlers.validate_bucket_name)
for name in ["UPPER", "a", "a..b", "-ab", "ab-", "192.168.0.1", "a_b_c", "x" * 64]:
    with refused("InvalidBucketName", 400):
        raw.create_bucket(Bucket=name)
