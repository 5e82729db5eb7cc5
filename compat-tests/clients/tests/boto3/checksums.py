import base64
import hashlib
import zlib

from common import bucket, client, refused

s3 = client()
b = bucket(s3, "checksums")
body = b"The quick brown fox jumps over the lazy dog"
known = {
    "CRC32": zlib.crc32(body).to_bytes(4, "big"),
    "SHA1": hashlib.sha1(body).digest(),
    "SHA256": hashlib.sha256(body).digest(),
    "CRC32C": bytes.fromhex("22620404"),
}


def text(value):
    return base64.b64encode(value).decode()


for algorithm, value in known.items():
    field = f"Checksum{algorithm}"
    put = s3.put_object(Bucket=b, Key=algorithm, Body=body, **{field: text(value)})
    assert put[field] == text(value) and put["ChecksumType"] == "FULL_OBJECT"
    got = s3.get_object(Bucket=b, Key=algorithm, ChecksumMode="ENABLED")
    assert got["Body"].read() == body and got[field] == text(value)
    head = s3.head_object(Bucket=b, Key=algorithm, ChecksumMode="ENABLED")
    assert head[field] == text(value) and head["ChecksumType"] == "FULL_OBJECT"
    assert field not in s3.head_object(Bucket=b, Key=algorithm)
    wrong = text(bytes([value[0] ^ 1]) + value[1:])
    with refused("BadDigest", 400):
        s3.put_object(Bucket=b, Key="wrong", Body=body, **{field: wrong})
    with refused("InvalidRequest", 400):
        s3.put_object(Bucket=b, Key="wrong", Body=body, **{field: "not base64"})
    attributes = s3.get_object_attributes(Bucket=b, Key=algorithm, ObjectAttributes=["Checksum"])
    assert attributes["Checksum"][field] == text(value)
with refused("404", 404):
    s3.head_object(Bucket=b, Key="wrong")

# Computed by the client library from its algorithm, sent as a header or as a trailer.
for algorithm in ["CRC32", "SHA1", "SHA256"]:
    put = s3.put_object(Bucket=b, Key="k", Body=body, ChecksumAlgorithm=algorithm)
    assert put[f"Checksum{algorithm}"] == text(known[algorithm])

# None is sent: CRC64NVME is kept.
plain = client(request_checksum_calculation="when_required")
plain.put_object(Bucket=b, Key="k", Body=body)
head = s3.head_object(Bucket=b, Key="k", ChecksumMode="ENABLED")
assert len(base64.b64decode(head["ChecksumCRC64NVME"])) == 8 and head["ChecksumType"] == "FULL_OBJECT"

md5 = text(hashlib.md5(body).digest())
plain.put_object(Bucket=b, Key="k", Body=body, ContentMD5=md5)
with refused("BadDigest", 400):
    plain.put_object(Bucket=b, Key="k", Body=body + b"!", ContentMD5=md5)
with refused("InvalidDigest", 400):
    plain.put_object(Bucket=b, Key="k", Body=body, ContentMD5="short")

# Multipart, of the full object and composite.
MIB = 1 << 20
parts = [b"a" * (5 * MIB), b"b" * 17]
for algorithm, kind in [("CRC32", "FULL_OBJECT"), ("CRC32", "COMPOSITE"), ("SHA256", "COMPOSITE")]:
    field = f"Checksum{algorithm}"
    digest = (lambda d: zlib.crc32(d).to_bytes(4, "big")) if algorithm == "CRC32" else (
        lambda d: hashlib.sha256(d).digest())
    upload = s3.create_multipart_upload(Bucket=b, Key="m", ChecksumAlgorithm=algorithm, ChecksumType=kind)
    assert upload["ChecksumAlgorithm"] == algorithm and upload["ChecksumType"] == kind
    listed = []
    for number, part in enumerate(parts, 1):
        done = s3.upload_part(Bucket=b, Key="m", UploadId=upload["UploadId"], PartNumber=number, Body=part,
                              ChecksumAlgorithm=algorithm)
        assert done[field] == text(digest(part))
        listed.append({"PartNumber": number, "ETag": done["ETag"], field: done[field]})
    done = s3.complete_multipart_upload(Bucket=b, Key="m", UploadId=upload["UploadId"],
                                        MultipartUpload={"Parts": listed})
    if kind == "FULL_OBJECT":
        expected = text(digest(b"".join(parts)))
    else:
        expected = text(digest(b"".join(digest(part) for part in parts))) + "-2"
    assert done[field] == expected and done["ChecksumType"] == kind, (done, expected)
    head = s3.head_object(Bucket=b, Key="m", ChecksumMode="ENABLED")
    assert head[field] == expected and head["ChecksumType"] == kind
