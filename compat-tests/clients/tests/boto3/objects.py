import datetime
import io

from common import bucket, client, refused

s3 = client()
b = bucket(s3, "objects")

# Bytes, headers and metadata come back as they went in.
expires = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
put = s3.put_object(
    Bucket=b, Key="a/b c+d", Body=b"hello world", ContentType="text/x-test", CacheControl="no-cache",
    ContentDisposition='attachment; filename="x"', ContentEncoding="identity-test", ContentLanguage="de",
    Expires=expires, Metadata={"Colour": "green", "size": "7"},
)
assert put["ETag"] == '"5eb63bbbe01eeed093cb22bb8f5acdc3"'
assert put["ResponseMetadata"]["HTTPHeaders"]["x-holdfast-durability"] == "disk"
for got in (s3.get_object(Bucket=b, Key="a/b c+d"), s3.head_object(Bucket=b, Key="a/b c+d")):
    assert got["ContentLength"] == 11 and got["ETag"] == put["ETag"]
    assert got["ContentType"] == "text/x-test" and got["CacheControl"] == "no-cache"
    assert got["ContentDisposition"] == 'attachment; filename="x"' and got["ContentLanguage"] == "de"
    assert got["ContentEncoding"] == "identity-test" and got["Metadata"] == {"colour": "green", "size": "7"}
    assert got["ResponseMetadata"]["HTTPHeaders"]["expires"].endswith("03:04:05 GMT")
    assert got["AcceptRanges"] == "bytes" and "StorageClass" not in got
    age = datetime.datetime.now(datetime.timezone.utc) - got["LastModified"]
    assert age < datetime.timedelta(minutes=5)
assert s3.get_object(Bucket=b, Key="a/b c+d")["Body"].read() == b"hello world"

# Ranges.
def ranged(r):
    got = s3.get_object(Bucket=b, Key="a/b c+d", Range=r)
    return got["Body"].read(), got.get("ContentRange"), got["ResponseMetadata"]["HTTPStatusCode"]


assert ranged("bytes=0-4") == (b"hello", "bytes 0-4/11", 206)
assert ranged("bytes=6-") == (b"world", "bytes 6-10/11", 206)
assert ranged("bytes=-3") == (b"rld", "bytes 8-10/11", 206)
assert ranged("bytes=6-999") == (b"world", "bytes 6-10/11", 206)
assert ranged("bytes=-999") == (b"hello world", "bytes 0-10/11", 206)
assert ranged("bytes=5-2") == (b"hello world", None, 200)
assert ranged("cats=0-1") == (b"hello world", None, 200)
assert ranged("bytes=0-1,3-4")[0] == b"hello world"
with refused("InvalidRange", 416):
    ranged("bytes=11-")
with refused("InvalidRange", 416):
    ranged("bytes=-0")

# Overrides of headers in the answer.
got = s3.get_object(Bucket=b, Key="a/b c+d", ResponseContentType="x/y", ResponseCacheControl="max-age=1",
                    ResponseContentDisposition="inline", ResponseContentLanguage="fr", ResponseContentEncoding="e")
assert (got["ContentType"], got["CacheControl"], got["ContentDisposition"]) == ("x/y", "max-age=1", "inline")
assert (got["ContentLanguage"], got["ContentEncoding"]) == ("fr", "e")

# Nothing is not an error; deleting nothing is not one either.
s3.put_object(Bucket=b, Key="empty", Body=b"")
assert s3.get_object(Bucket=b, Key="empty")["Body"].read() == b""
assert s3.head_object(Bucket=b, Key="empty")["ETag"] == '"d41d8cd98f00b204e9800998ecf8427e"'
with refused("InvalidRange", 416):
    s3.get_object(Bucket=b, Key="empty", Range="bytes=0-")
s3.delete_object(Bucket=b, Key="empty")
s3.delete_object(Bucket=b, Key="empty")
with refused("NoSuchKey", 404):
    s3.get_object(Bucket=b, Key="empty")
with refused("404", 404):
    s3.head_object(Bucket=b, Key="empty")

# Keys are opaque: these all live side by side.
keys = ["a", "a/", "a/b", "a//b", "../up", "a/../b", "./x", "/lead", "trail/", "s p a c e", "per%cent", "%2F", "plus+",
        "quo\"te'", "<&>", "new\nline", "tab\t", "back\\slash", "é", "日本語", "😀", "~tilde", "?q=1&r", "#hash",
        ";semi:colon", "x" * 1024, "é" * 512]
for key in keys:
    s3.put_object(Bucket=b, Key=key, Body=key.encode())
for key in keys:
    assert s3.get_object(Bucket=b, Key=key)["Body"].read() == key.encode(), key
listed = [o["Key"] for o in s3.list_objects_v2(Bucket=b)["Contents"]]
assert listed == sorted(keys + ["a/b c+d"], key=str.encode), listed
with refused("KeyTooLongError", 400):
    s3.put_object(Bucket=b, Key="x" * 1025, Body=b"")

# Many at once.
answer = s3.delete_objects(Bucket=b, Delete={"Objects": [{"Key": k} for k in keys] + [{"Key": "never was"}]})
assert sorted(d["Key"] for d in answer["Deleted"]) == sorted(keys + ["never was"]) and "Errors" not in answer
answer = s3.delete_objects(Bucket=b, Delete={"Objects": [{"Key": "a/b c+d"}], "Quiet": True})
assert "Deleted" not in answer and "Errors" not in answer
assert "Contents" not in s3.list_objects_v2(Bucket=b)
with refused("MalformedXML", 400):
    s3.delete_objects(Bucket=b, Delete={"Objects": [{"Key": f"{i}"} for i in range(1001)]})

# Streams without a known end, and large bodies.
big = bytes(range(256)) * 4096 * 20
s3.upload_fileobj(io.BytesIO(big), b, "big")
assert s3.get_object(Bucket=b, Key="big")["Body"].read() == big
assert s3.get_object(Bucket=b, Key="big", Range="bytes=8388600-8388620")["Body"].read() == big[8388600:8388621]

# Storage classes are echoed; unknown ones are refused.
s3.put_object(Bucket=b, Key="cold", Body=b"x", StorageClass="STANDARD_IA")
assert s3.head_object(Bucket=b, Key="cold")["StorageClass"] == "STANDARD_IA"
with refused("InvalidStorageClass", 400):
    s3.put_object(Bucket=b, Key="cold", Body=b"x", StorageClass="LUKEWARM")
with refused("MetadataTooLarge", 400):
    s3.put_object(Bucket=b, Key="meta", Body=b"x", Metadata={"k": "v" * 2048})

# What is not built is refused by name, never taken in silence.
with refused("NotImplemented", 501):
    s3.put_object(Bucket=b, Key="secret", Body=b"x", ServerSideEncryption="aws:kms")
