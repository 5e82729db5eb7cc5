-- For people. No gateway reads these.

CREATE FUNCTION holdfast.key(key text) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
AS $$ SELECT convert_to(key, 'UTF8') $$;
COMMENT ON FUNCTION holdfast.key IS 'A key as the tables hold it: SELECT ... WHERE key = holdfast.key(''a/b'').';

-- Text cannot hold a NUL: such keys are shown with escapes.
CREATE FUNCTION holdfast.key_text(key bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
AS $$
    SELECT CASE WHEN position('\x00'::bytea IN key) = 0 THEN convert_from(key, 'UTF8') ELSE encode(key, 'escape') END
$$;
COMMENT ON FUNCTION holdfast.key_text IS 'A key as text; escaped as by encode(key, ''escape'') where it holds a NUL.';

CREATE FUNCTION holdfast.file_id(volume bigint, needle bigint, cookie bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
AS $$
    SELECT volume || ',' || repeat('0', length(to_hex(needle)) % 2) || to_hex(needle) || lpad(to_hex(cookie), 8, '0')
$$;
COMMENT ON FUNCTION holdfast.file_id IS 'A needle''s address as volume servers take it: GET /3,01637037d6.';

CREATE VIEW holdfast.objects_readable AS
SELECT
    bucket,
    holdfast.key_text(key) AS key,
    size,
    modified,
    encode(etag_md5, 'hex') || coalesce('-' || etag_parts, '') AS etag,
    storage_class,
    checksum_algorithm,
    encode(checksum, 'base64') || coalesce('-' || checksum_parts, '') AS checksum,
    content_type,
    content_encoding,
    content_disposition,
    content_language,
    cache_control,
    expires,
    website_redirect_location,
    metadata,
    coalesce(cardinality(chunk_volumes), 1) AS chunks,
    encode(upload_id, 'hex') AS upload_id
FROM holdfast.objects;
COMMENT ON VIEW holdfast.objects_readable IS
    'Objects with keys, ETags and checksums as S3 shows them. To select by key or prefix quickly, use the table.';

CREATE VIEW holdfast.object_chunks AS
SELECT bucket, key, 1::bigint AS chunk, volume, needle, cookie, size, holdfast.file_id(volume, needle, cookie) AS file_id
FROM holdfast.objects
WHERE volume IS NOT NULL
UNION ALL
SELECT o.bucket, o.key, c.chunk, c.volume, c.needle, c.cookie, c.size, holdfast.file_id(c.volume, c.needle, c.cookie)
FROM holdfast.objects AS o
CROSS JOIN LATERAL unnest(o.chunk_volumes, o.chunk_needles, o.chunk_cookies, o.chunk_sizes)
    WITH ORDINALITY AS c(volume, needle, cookie, size, chunk)
WHERE o.volume IS NULL;
COMMENT ON VIEW holdfast.object_chunks IS 'Which needles the bytes of objects are in, one row a needle.';

CREATE VIEW holdfast.bucket_usage AS
SELECT b.name AS bucket, count(o.bucket) AS objects, coalesce(sum(o.size), 0) AS bytes
FROM holdfast.buckets AS b
LEFT JOIN holdfast.objects AS o ON o.bucket = b.name
GROUP BY b.name;
COMMENT ON VIEW holdfast.bucket_usage IS 'Objects and bytes of every bucket, counted now.';
