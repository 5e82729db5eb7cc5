import hashlib

from common import bucket, client, refused

s3 = client()
b = bucket(s3, "multipart")
MIB = 1 << 20
bodies = {1: b"a" * (5 * MIB), 3: b"b" * (6 * MIB + 1), 7: b"c" * 10}


def start(key="k", **extra):
    return s3.create_multipart_upload(Bucket=b, Key=key, **extra)["UploadId"]


def put(upload, number, body, key="k"):
    return s3.upload_part(Bucket=b, Key=key, UploadId=upload, PartNumber=number, Body=body)["ETag"]


def complete(upload, parts, key="k"):
    parts = [{"PartNumber": n, "ETag": e} for n, e in parts]
    return s3.complete_multipart_upload(Bucket=b, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


upload = start(ContentType="x/y", Metadata={"m": "1"})
with refused("NoSuchKey", 404):
    s3.get_object(Bucket=b, Key="k")
etags = {n: put(upload, n, body) for n, body in bodies.items()}
assert etags[7] == '"%s"' % hashlib.md5(bodies[7]).hexdigest()
put(upload, 9, b"never listed")
listed = s3.list_parts(Bucket=b, Key="k", UploadId=upload, MaxParts=2)
assert [p["PartNumber"] for p in listed["Parts"]] == [1, 3] and listed["IsTruncated"]
listed = s3.list_parts(Bucket=b, Key="k", UploadId=upload, PartNumberMarker=listed["NextPartNumberMarker"])
assert [p["PartNumber"] for p in listed["Parts"]] == [7, 9] and not listed["IsTruncated"]
uploads = s3.list_multipart_uploads(Bucket=b)["Uploads"]
assert [(u["Key"], u["UploadId"]) for u in uploads] == [("k", upload)]

with refused("InvalidPartOrder", 400):
    complete(upload, [(3, etags[3]), (1, etags[1])])
with refused("InvalidPart", 400):
    complete(upload, [(1, etags[1]), (2, etags[3])])
with refused("InvalidPart", 400):
    complete(upload, [(1, etags[3])])
with refused("EntityTooSmall", 400):
    complete(upload, [(1, etags[1]), (7, etags[7]), (9, '"%s"' % hashlib.md5(b"never listed").hexdigest())])
with refused("NoSuchUpload", 404):
    complete("00" * 16, [(1, etags[1])])
with refused("NoSuchUpload", 404):
    complete(upload, [(1, etags[1])], key="other")

done = complete(upload, sorted(etags.items()))
digest = hashlib.md5(b"".join(hashlib.md5(bodies[n]).digest() for n in sorted(bodies))).hexdigest()
assert done["ETag"] == f'"{digest}-3"', done["ETag"]
again = complete(upload, sorted(etags.items()))
assert again["ETag"] == done["ETag"]
whole = b"".join(bodies[n] for n in sorted(bodies))
got = s3.get_object(Bucket=b, Key="k")
assert got["Body"].read() == whole and got["ContentType"] == "x/y" and got["Metadata"] == {"m": "1"}
assert "Uploads" not in s3.list_multipart_uploads(Bucket=b)

got = s3.get_object(Bucket=b, Key="k", PartNumber=3)
assert got["Body"].read() == bodies[3] and got["PartsCount"] == 3
assert got["ContentRange"] == f"bytes {5 * MIB}-{11 * MIB}/{len(whole)}"
assert s3.head_object(Bucket=b, Key="k", PartNumber=7)["ContentLength"] == 10
with refused("416", 416):
    s3.head_object(Bucket=b, Key="k", PartNumber=4)
got = s3.get_object(Bucket=b, Key="k", Range=f"bytes={5 * MIB - 2}-{5 * MIB + 1}")
assert got["Body"].read() == b"aabb"

attributes = s3.get_object_attributes(Bucket=b, Key="k", MaxParts=2,
                                      ObjectAttributes=["ETag", "ObjectSize", "ObjectParts", "StorageClass"])
assert attributes["ETag"] == f"{digest}-3" and attributes["ObjectSize"] == len(whole)
assert attributes["StorageClass"] == "STANDARD" and attributes["ObjectParts"]["TotalPartsCount"] == 3

# Parts can be replaced, copied from other objects, and thrown away.
upload = start("copy")
put(upload, 1, b"old", key="copy")
copied = s3.upload_part_copy(Bucket=b, Key="copy", UploadId=upload, PartNumber=1, CopySource={"Bucket": b, "Key": "k"},
                             CopySourceRange=f"bytes=0-{5 * MIB - 1}")["CopyPartResult"]["ETag"]
last = put(upload, 2, b"tail", key="copy")
complete(upload, [(1, copied), (2, last)], key="copy")
assert s3.get_object(Bucket=b, Key="copy")["Body"].read() == bodies[1] + b"tail"
upload = start("gone")
put(upload, 1, b"x", key="gone")
s3.abort_multipart_upload(Bucket=b, Key="gone", UploadId=upload)
with refused("NoSuchUpload", 404):
    put(upload, 2, b"x", key="gone")
with refused("NoSuchUpload", 404):
    s3.list_parts(Bucket=b, Key="gone", UploadId=upload)
with refused("NoSuchUpload", 404):
    s3.abort_multipart_upload(Bucket=b, Key="gone", UploadId=upload)

# Uploads are listed by key and by upload id, page by page.
many = sorted((key, start(key)) for key in ["a/1", "a/1", "a/2", "b", "c/x"])
found, markers = [], {}
while True:
    page = s3.list_multipart_uploads(Bucket=b, MaxUploads=2, **markers)
    found += [(u["Key"], u["UploadId"]) for u in page["Uploads"]]
    if not page["IsTruncated"]:
        break
    markers = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
assert found == many, (found, many)
page = s3.list_multipart_uploads(Bucket=b, Delimiter="/")
assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["a/", "c/"]
assert [u["Key"] for u in page["Uploads"]] == ["b"]
