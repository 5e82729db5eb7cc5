from common import bucket, client, refused

s3 = client()
b = bucket(s3, "listings")
keys = sorted(["a", "a/", "a/1", "a/2", "a0", "b/x/1", "b/x/2", "b/y", "c", "d//e", "d/f", "z"])
for key in keys:
    s3.put_object(Bucket=b, Key=key, Body=b"x")


def model(prefix="", delimiter="", after=""):
    seen = []
    for key in keys:
        if not key.startswith(prefix):
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        entry = (key[: at + len(delimiter)], "prefix") if at >= 0 else (key, "key")
        if entry[0] > after and entry not in seen:
            seen.append(entry)
    return seen


def entries(page):
    both = [(o["Key"], "key") for o in page.get("Contents", [])]
    both += [(p["Prefix"], "prefix") for p in page.get("CommonPrefixes", [])]
    return sorted(both)


for prefix in ["", "a", "a/", "b/", "b/x", "d/", "nothing"]:
    for delimiter in ["", "/", "x", "//", "x/"]:
        expected = model(prefix, delimiter)
        for size in [1, 2, 3, 1000]:
            found, token = [], {}
            while True:
                page = s3.list_objects_v2(Bucket=b, Prefix=prefix, Delimiter=delimiter, MaxKeys=size, **token)
                assert page["KeyCount"] == len(entries(page)) <= size
                found += entries(page)
                if not page["IsTruncated"]:
                    assert "NextContinuationToken" not in page
                    break
                token = {"ContinuationToken": page["NextContinuationToken"]}
            assert found == expected, (prefix, delimiter, size, found, expected)
            found, marker = [], ""
            while True:
                page = s3.list_objects(Bucket=b, Prefix=prefix, Delimiter=delimiter, MaxKeys=size, Marker=marker)
                found += entries(page)
                if not page["IsTruncated"]:
                    break
                marker = page["NextMarker"] if delimiter else page["Contents"][-1]["Key"]
                assert delimiter or "NextMarker" not in page
            assert found == expected, (prefix, delimiter, size, found, expected)
        for after in ["", "a", "a/", "a/1", "b", "b/x/", "c", "zz"]:
            page = s3.list_objects_v2(Bucket=b, Prefix=prefix, Delimiter=delimiter, StartAfter=after)
            assert entries(page) == model(prefix, delimiter, after), (prefix, delimiter, after, entries(page))

page = s3.list_objects_v2(Bucket=b, MaxKeys=0)
assert page["KeyCount"] == 0 and not page["IsTruncated"] and "Contents" not in page
page = s3.list_objects_v2(Bucket=b, MaxKeys=5000)
assert page["MaxKeys"] == 1000 or page["MaxKeys"] == 5000
page = s3.list_objects_v2(Bucket=b, FetchOwner=True, MaxKeys=1)
assert page["Contents"][0]["Owner"]["ID"]
assert "Owner" not in s3.list_objects_v2(Bucket=b, MaxKeys=1)["Contents"][0]
assert s3.list_objects(Bucket=b, MaxKeys=1)["Contents"][0]["Owner"]["ID"]
with refused("InvalidArgument", 400):
    s3.list_objects_v2(Bucket=b, ContinuationToken="garbage that was never given out")
with refused("InvalidArgument", 400):
    s3.list_objects_v2(Bucket=b, MaxKeys=-1)

# Deleting the last key of a directory leaves no ghost.
for key in ["b/x/1", "b/x/2"]:
    s3.delete_object(Bucket=b, Key=key)
page = s3.list_objects_v2(Bucket=b, Prefix="b/", Delimiter="/")
assert entries(page) == [("b/y", "key")]

# Characters that XML cannot hold are listed when asked for in URL form; boto3 asks and decodes.
s3.put_object(Bucket=b, Key="ctl\x01\x0b", Body=b"x")
assert s3.list_objects_v2(Bucket=b, Prefix="ctl")["Contents"][0]["Key"] == "ctl\x01\x0b"
