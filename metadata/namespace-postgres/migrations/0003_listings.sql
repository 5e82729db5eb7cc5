-- Listings with a delimiter. The cost of a page depends on its entries and not on the keys that it skips: a common
-- prefix is one descent of the primary key, whatever is under it.

-- `key_from` and `key_to` bound the keys; `prefix_size` is where the delimiter is looked for. `delimiter_end` is
-- the least text that is greater than the delimiter and all that starts with it.
CREATE FUNCTION holdfast.list_objects(
    in_bucket text, prefix_size integer, delimiter bytea, delimiter_end bytea,
    key_from bytea, key_to bytea, max_entries bigint
) RETURNS TABLE (
    entry bytea, size bigint, modified timestamptz, etag_md5 bytea, etag_parts integer, storage_class text,
    checksum_algorithm text, checksum_parts integer
)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    next_key bytea := key_from;
    found_key bytea;
    delimiter_at integer;
    remaining bigint := max_entries;
BEGIN
    WHILE remaining > 0 LOOP
        -- A common prefix often follows another: look at one key before a run of keys is opened.
        SELECT o.key INTO found_key FROM holdfast.objects AS o
        WHERE o.bucket = in_bucket AND o.key >= next_key AND o.key < key_to
        ORDER BY o.key LIMIT 1;
        EXIT WHEN NOT FOUND;
        delimiter_at := position(delimiter IN substring(found_key FROM prefix_size + 1));
        IF delimiter_at = 0 THEN
            FOR entry, size, modified, etag_md5, etag_parts, storage_class, checksum_algorithm, checksum_parts IN
                SELECT o.key, o.size, o.modified, o.etag_md5, o.etag_parts, o.storage_class,
                    o.checksum_algorithm, o.checksum_parts
                FROM holdfast.objects AS o
                WHERE o.bucket = in_bucket AND o.key >= found_key AND o.key < key_to
                ORDER BY o.key LIMIT remaining
            LOOP
                delimiter_at := position(delimiter IN substring(entry FROM prefix_size + 1));
                EXIT WHEN delimiter_at > 0;
                RETURN NEXT;
                remaining := remaining - 1;
            END LOOP;
            EXIT WHEN delimiter_at = 0;
            found_key := entry;
        END IF;
        entry := substring(found_key FOR prefix_size + delimiter_at - 1) || delimiter;
        next_key := substring(found_key FOR prefix_size + delimiter_at - 1) || delimiter_end;
        size := NULL;
        modified := NULL;
        etag_md5 := NULL;
        etag_parts := NULL;
        storage_class := NULL;
        checksum_algorithm := NULL;
        checksum_parts := NULL;
        RETURN NEXT;
        remaining := remaining - 1;
    END LOOP;
END
$$;
COMMENT ON FUNCTION holdfast.list_objects IS 'Objects and common prefixes (without a size) of a bucket, in byte order.';

-- As above; an empty `delimiter` rolls nothing up. Starts at the upload `id_from` of the key `key_from`.
CREATE FUNCTION holdfast.list_uploads(
    in_bucket text, prefix_size integer, delimiter bytea, delimiter_end bytea,
    key_from bytea, id_from bytea, key_to bytea, max_entries bigint
) RETURNS TABLE (common_prefix bytea, upload_id bytea)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    next_key bytea := key_from;
    next_id bytea := id_from;
    found_key bytea;
    delimiter_at integer;
BEGIN
    FOR entry IN 1 .. max_entries LOOP
        SELECT u.key, u.id INTO found_key, upload_id FROM holdfast.uploads AS u
        WHERE u.bucket = in_bucket AND (u.key, u.id) >= (next_key, next_id) AND u.key < key_to
        ORDER BY u.key, u.id LIMIT 1;
        EXIT WHEN NOT FOUND;
        delimiter_at := CASE WHEN delimiter = '' THEN 0
            ELSE position(delimiter IN substring(found_key FROM prefix_size + 1)) END;
        IF delimiter_at = 0 THEN
            common_prefix := NULL;
            next_key := found_key;
            next_id := upload_id || '\x00'::bytea;
        ELSE
            upload_id := NULL;
            common_prefix := substring(found_key FOR prefix_size + delimiter_at - 1) || delimiter;
            next_key := substring(found_key FOR prefix_size + delimiter_at - 1) || delimiter_end;
            next_id := '';
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION holdfast.list_uploads IS 'Uploads and common prefixes of a bucket, by key and then by upload id.';
