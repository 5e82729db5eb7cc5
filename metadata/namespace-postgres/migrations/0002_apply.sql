-- One commit of one batch, in one call and so in one round trip and one transaction.
--
-- Guards that do not hold raise SQLSTATE HF001, and nothing is applied. The order of the steps keeps commits from
-- waiting for each other in a circle:
--   1. buckets are locked, by name;
--   2. rows that must be new are inserted, by key: waits only for commits in steps 2 to 4 that hold a later key;
--   3. rows that must be as they were are locked, by key: waits only for commits that are past their inserts;
--   4. everything else touches rows that are locked by now.
-- Every array comes sorted by key. Each statement of a function has its own snapshot, so it sees what was
-- committed while the one before it waited.
CREATE FUNCTION holdfast.apply(
    durable boolean,
    held_buckets text[], held_bucket_versions bigint[],       -- must not go away; version null: whatever it is
    changed_buckets text[], changed_bucket_versions bigint[],
    new_buckets holdfast.bucket_row[],
    new_objects holdfast.object_row[],
    new_uploads holdfast.upload_row[],
    guarded_object_buckets text[], guarded_object_keys bytea[], guarded_object_versions bigint[],
    guarded_uploads bytea[], guarded_upload_versions bigint[],
    deleted_object_buckets text[], deleted_object_keys bytea[],
    deleted_uploads bytea[],
    deleted_buckets text[],
    put_buckets holdfast.bucket_row[],
    put_objects holdfast.object_row[],
    put_uploads holdfast.upload_row[],
    put_parts holdfast.part_row[],
    freed holdfast.freed_row[],
    struck bigint[],
    absent_buckets text[],
    absent_object_buckets text[], absent_object_keys bytea[],
    absent_uploads bytea[]
) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    next_version bigint := nextval('holdfast.row_version');
    as_expected bigint;
BEGIN
    -- A setting of this transaction alone: it holds whatever the server, the role or a pooler has set.
    IF NOT durable THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    ELSIF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;

    -- 1. Holding a bucket keeps it from being deleted, and lets others hold it, too.
    IF cardinality(held_buckets) > 0 THEN
        SELECT count(*) FILTER (WHERE held.actual = held.expected) INTO as_expected
        FROM (
            SELECT b.version AS actual, g.version AS expected
            FROM unnest(held_buckets, held_bucket_versions) AS g(name, version)
            JOIN holdfast.buckets AS b ON b.name = g.name
            ORDER BY b.name
            FOR KEY SHARE OF b
        ) AS held;
        IF as_expected < cardinality(array_remove(held_bucket_versions, NULL)) THEN
            RAISE SQLSTATE 'HF001' USING MESSAGE = 'a bucket changed since it was read';
        END IF;
    END IF;
    IF cardinality(changed_buckets) > 0 THEN
        SELECT count(*) FILTER (WHERE locked.actual = locked.expected) INTO as_expected
        FROM (
            SELECT b.version AS actual, g.version AS expected
            FROM unnest(changed_buckets, changed_bucket_versions) AS g(name, version)
            JOIN holdfast.buckets AS b ON b.name = g.name
            ORDER BY b.name
            FOR UPDATE OF b
        ) AS locked;
        IF as_expected < cardinality(array_remove(changed_bucket_versions, NULL)) THEN
            RAISE SQLSTATE 'HF001' USING MESSAGE = 'a bucket changed since it was read';
        END IF;
    END IF;

    -- 2. Where a row is not new after all, this is a unique violation: 23505.
    IF cardinality(new_buckets) > 0 THEN
        INSERT INTO holdfast.buckets SELECT r.*, next_version FROM unnest(new_buckets) AS r;
    END IF;
    IF cardinality(new_objects) > 0 THEN
        INSERT INTO holdfast.objects SELECT r.*, next_version FROM unnest(new_objects) AS r;
    END IF;
    IF cardinality(new_uploads) > 0 THEN
        INSERT INTO holdfast.uploads SELECT r.*, next_version FROM unnest(new_uploads) AS r;
    END IF;

    -- 3.
    IF cardinality(guarded_object_keys) > 0 THEN
        SELECT count(*) FILTER (WHERE locked.actual = locked.expected) INTO as_expected
        FROM (
            SELECT o.version AS actual, g.version AS expected
            FROM unnest(guarded_object_buckets, guarded_object_keys, guarded_object_versions)
                AS g(bucket, key, version)
            JOIN holdfast.objects AS o ON o.bucket = g.bucket AND o.key = g.key
            ORDER BY o.bucket, o.key
            FOR UPDATE OF o
        ) AS locked;
        IF as_expected < cardinality(guarded_object_keys) THEN
            RAISE SQLSTATE 'HF001' USING MESSAGE = 'an object changed since it was read';
        END IF;
    END IF;
    IF cardinality(guarded_uploads) > 0 THEN
        SELECT count(*) FILTER (WHERE locked.actual = locked.expected) INTO as_expected
        FROM (
            SELECT u.version AS actual, g.version AS expected
            FROM unnest(guarded_uploads, guarded_upload_versions) AS g(id, version)
            JOIN holdfast.uploads AS u ON u.id = g.id
            ORDER BY u.id
            FOR UPDATE OF u
        ) AS locked;
        IF as_expected < cardinality(guarded_uploads) THEN
            RAISE SQLSTATE 'HF001' USING MESSAGE = 'an upload changed since it was read';
        END IF;
    END IF;

    -- 4.
    IF cardinality(deleted_object_keys) > 0 THEN
        DELETE FROM holdfast.objects AS o
        USING unnest(deleted_object_buckets, deleted_object_keys) AS d(bucket, key)
        WHERE o.bucket = d.bucket AND o.key = d.key;
    END IF;
    IF cardinality(deleted_uploads) > 0 THEN
        DELETE FROM holdfast.parts AS p USING unnest(deleted_uploads) AS d(id) WHERE p.upload_id = d.id;
        DELETE FROM holdfast.uploads AS u USING unnest(deleted_uploads) AS d(id) WHERE u.id = d.id;
    END IF;
    IF cardinality(put_objects) > 0 THEN
        INSERT INTO holdfast.objects SELECT r.*, next_version FROM unnest(put_objects) AS r
        ON CONFLICT (bucket, key) DO UPDATE SET
            size = excluded.size,
            modified = excluded.modified,
            etag_md5 = excluded.etag_md5,
            etag_parts = excluded.etag_parts,
            storage_class = excluded.storage_class,
            checksum_algorithm = excluded.checksum_algorithm,
            checksum = excluded.checksum,
            checksum_parts = excluded.checksum_parts,
            content_type = excluded.content_type,
            content_encoding = excluded.content_encoding,
            content_disposition = excluded.content_disposition,
            content_language = excluded.content_language,
            cache_control = excluded.cache_control,
            expires = excluded.expires,
            website_redirect_location = excluded.website_redirect_location,
            metadata = excluded.metadata,
            volume = excluded.volume,
            needle = excluded.needle,
            cookie = excluded.cookie,
            chunk_volumes = excluded.chunk_volumes,
            chunk_needles = excluded.chunk_needles,
            chunk_cookies = excluded.chunk_cookies,
            chunk_sizes = excluded.chunk_sizes,
            part_numbers = excluded.part_numbers,
            part_sizes = excluded.part_sizes,
            part_checksums = excluded.part_checksums,
            part_chunks = excluded.part_chunks,
            upload_id = excluded.upload_id,
            version = excluded.version;
    END IF;
    IF cardinality(put_uploads) > 0 THEN
        INSERT INTO holdfast.uploads SELECT r.*, next_version FROM unnest(put_uploads) AS r
        ON CONFLICT (id) DO UPDATE SET
            bucket = excluded.bucket,
            key = excluded.key,
            initiator = excluded.initiator,
            initiated = excluded.initiated,
            storage_class = excluded.storage_class,
            content_type = excluded.content_type,
            content_encoding = excluded.content_encoding,
            content_disposition = excluded.content_disposition,
            content_language = excluded.content_language,
            cache_control = excluded.cache_control,
            expires = excluded.expires,
            website_redirect_location = excluded.website_redirect_location,
            metadata = excluded.metadata,
            checksum_algorithm = excluded.checksum_algorithm,
            checksum_composite = excluded.checksum_composite,
            version = excluded.version;
    END IF;
    IF cardinality(put_parts) > 0 THEN
        INSERT INTO holdfast.parts SELECT r.* FROM unnest(put_parts) AS r
        ON CONFLICT (upload_id, number) DO UPDATE SET
            size = excluded.size,
            md5 = excluded.md5,
            checksum_algorithm = excluded.checksum_algorithm,
            checksum = excluded.checksum,
            checksum_parts = excluded.checksum_parts,
            modified = excluded.modified,
            chunk_volumes = excluded.chunk_volumes,
            chunk_needles = excluded.chunk_needles,
            chunk_cookies = excluded.chunk_cookies,
            chunk_sizes = excluded.chunk_sizes;
    END IF;
    IF cardinality(freed) > 0 THEN
        INSERT INTO holdfast.delete_intents (freed, volumes, needles, cookies)
        SELECT r.* FROM unnest(freed) AS r;
    END IF;
    IF cardinality(struck) > 0 THEN
        DELETE FROM holdfast.delete_intents AS i USING unnest(struck) AS s(id) WHERE i.id = s.id;
    END IF;
    -- After the objects of this batch; nobody else can add one, since the bucket is locked.
    IF cardinality(deleted_buckets) > 0 THEN
        IF EXISTS (SELECT FROM holdfast.objects WHERE bucket = ANY (deleted_buckets))
            OR EXISTS (SELECT FROM holdfast.uploads WHERE bucket = ANY (deleted_buckets))
        THEN
            RAISE SQLSTATE 'HF001' USING MESSAGE = 'a bucket to be deleted is not empty';
        END IF;
        DELETE FROM holdfast.buckets WHERE name = ANY (deleted_buckets);
    END IF;
    IF cardinality(put_buckets) > 0 THEN
        INSERT INTO holdfast.buckets SELECT r.*, next_version FROM unnest(put_buckets) AS r
        ON CONFLICT (name) DO UPDATE SET
            owner = excluded.owner,
            created = excluded.created,
            version = excluded.version;
    END IF;

    -- Rows that are absent cannot be locked; they are looked for when everything else is.
    IF (cardinality(absent_object_keys) > 0 AND EXISTS (
            SELECT FROM unnest(absent_object_buckets, absent_object_keys) AS a(bucket, key)
            JOIN holdfast.objects AS o ON o.bucket = a.bucket AND o.key = a.key))
        OR (cardinality(absent_buckets) > 0 AND EXISTS (
            SELECT FROM unnest(absent_buckets) AS a(name) JOIN holdfast.buckets AS b ON b.name = a.name))
        OR (cardinality(absent_uploads) > 0 AND EXISTS (
            SELECT FROM unnest(absent_uploads) AS a(id) JOIN holdfast.uploads AS u ON u.id = a.id))
    THEN
        RAISE SQLSTATE 'HF001' USING MESSAGE = 'a row appeared since it was looked for';
    END IF;
END
$$;
COMMENT ON FUNCTION holdfast.apply IS 'Commits one batch of changes under its guards, or raises HF001 and changes nothing.';
