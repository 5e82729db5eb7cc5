-- The rows of the namespace. Applied by holdfast itself; see docs/decisions/0007-postgres-schema.md.
-- A file that was released is never edited: its checksum is recorded. Changes are new files.

COMMENT ON SCHEMA holdfast IS 'The namespace of a holdfast object store. Read it freely; write it through S3 only.';

CREATE SEQUENCE holdfast.row_version;
COMMENT ON SEQUENCE holdfast.row_version IS 'One number a commit, in the column `version` of every row that it wrote.';

CREATE TABLE holdfast.buckets (
    name    text COLLATE "C" PRIMARY KEY,
    owner   text NOT NULL,
    created timestamptz NOT NULL,
    version bigint NOT NULL
);
COMMENT ON TABLE holdfast.buckets IS 'Buckets.';
COMMENT ON COLUMN holdfast.buckets.owner IS 'Canonical id of the account that made it.';
COMMENT ON COLUMN holdfast.buckets.version IS 'Changes with every write of the row; never used twice.';

-- Columns in the order of the type holdfast.object_row, then `version`.
CREATE TABLE holdfast.objects (
    bucket                    text COLLATE "C" NOT NULL,
    key                       bytea NOT NULL,
    size                      bigint NOT NULL CHECK (size >= 0),
    modified                  timestamptz NOT NULL,
    etag_md5                  bytea NOT NULL CHECK (octet_length(etag_md5) = 16),
    etag_parts                integer,
    storage_class             text NOT NULL,
    checksum_algorithm        text CHECK (checksum_algorithm IN ('CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256')),
    checksum                  bytea,
    checksum_parts            integer,
    content_type              text,
    content_encoding          text,
    content_disposition       text,
    content_language          text,
    cache_control             text,
    expires                   text,
    website_redirect_location text,
    metadata                  json,
    volume                    bigint,
    needle                    bigint,
    cookie                    bigint,
    chunk_volumes             bigint[],
    chunk_needles             bigint[],
    chunk_cookies             bigint[],
    chunk_sizes               bigint[],
    part_numbers              integer[],
    part_sizes                bigint[],
    part_checksums            bytea[],
    part_chunks               integer[],
    upload_id                 bytea,
    version                   bigint NOT NULL,
    PRIMARY KEY (bucket, key),
    CHECK ((volume IS NULL) = (chunk_volumes IS NOT NULL))
);
ALTER TABLE holdfast.objects SET (
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_insert_scale_factor = 0.1,
    autovacuum_analyze_scale_factor = 0.05
);
COMMENT ON TABLE holdfast.objects IS
    'Current objects. View objects_readable shows keys and ETags as text, object_chunks one row a needle.';
COMMENT ON COLUMN holdfast.objects.key IS
    'The key''s bytes, UTF-8. holdfast.key(''a/b'') makes one of text; by bytes, so a prefix is a range.';
COMMENT ON COLUMN holdfast.objects.size IS 'Bytes of the body.';
COMMENT ON COLUMN holdfast.objects.modified IS 'When it became visible, in whole milliseconds.';
COMMENT ON COLUMN holdfast.objects.etag_md5 IS 'MD5 of the body, or of the MD5s of its parts.';
COMMENT ON COLUMN holdfast.objects.etag_parts IS 'The number after the dash of a multipart ETag.';
COMMENT ON COLUMN holdfast.objects.checksum IS 'Big-endian bytes of the checksum.';
COMMENT ON COLUMN holdfast.objects.checksum_parts IS 'Null: of the full object; else composite, of this many parts.';
COMMENT ON COLUMN holdfast.objects.metadata IS
    'x-amz-meta-*, names in lower case. `json` and not `jsonb`: order and repeated names are kept.';
COMMENT ON COLUMN holdfast.objects.volume IS
    'Volume of the one needle of a small object. Null: the chunk_* and part_* columns say where the bytes are.';
COMMENT ON COLUMN holdfast.objects.needle IS
    'Key of that needle; from 2^63 on it shows as negative, since it is an unsigned number.';
COMMENT ON COLUMN holdfast.objects.cookie IS 'Cookie of that needle.';
COMMENT ON COLUMN holdfast.objects.chunk_volumes IS 'Volumes of the chunks, in the order of the body.';
COMMENT ON COLUMN holdfast.objects.chunk_needles IS 'Needle keys of the chunks.';
COMMENT ON COLUMN holdfast.objects.chunk_cookies IS 'Cookies of the chunks.';
COMMENT ON COLUMN holdfast.objects.chunk_sizes IS 'Bytes of the chunks.';
COMMENT ON COLUMN holdfast.objects.part_numbers IS 'Numbers of the parts; null for the part of a plain PUT.';
COMMENT ON COLUMN holdfast.objects.part_sizes IS 'Bytes of the parts.';
COMMENT ON COLUMN holdfast.objects.part_checksums IS 'Checksums of the parts, of the object''s algorithm; empty: none.';
COMMENT ON COLUMN holdfast.objects.part_chunks IS 'How many of the chunks each part has.';
COMMENT ON COLUMN holdfast.objects.upload_id IS 'The multipart upload that made the object.';
COMMENT ON COLUMN holdfast.objects.version IS 'Changes with every write of the row; never used twice for a key.';

-- Columns in the order of the type holdfast.upload_row, then `version`.
CREATE TABLE holdfast.uploads (
    id                        bytea NOT NULL UNIQUE CHECK (octet_length(id) = 16),
    bucket                    text COLLATE "C" NOT NULL,
    key                       bytea NOT NULL,
    initiator                 text NOT NULL,
    initiated                 timestamptz NOT NULL,
    storage_class             text NOT NULL,
    content_type              text,
    content_encoding          text,
    content_disposition       text,
    content_language          text,
    cache_control             text,
    expires                   text,
    website_redirect_location text,
    metadata                  json,
    checksum_algorithm        text,
    checksum_composite        boolean,
    version                   bigint NOT NULL,
    PRIMARY KEY (bucket, key, id)
);
COMMENT ON TABLE holdfast.uploads IS 'Multipart uploads in progress.';
COMMENT ON COLUMN holdfast.uploads.id IS 'Upload id; its text is the hex form.';
COMMENT ON COLUMN holdfast.uploads.initiator IS 'Canonical id of the account that started it.';
COMMENT ON COLUMN holdfast.uploads.checksum_algorithm IS 'The checksum that the client asked for. Null: none.';
COMMENT ON COLUMN holdfast.uploads.checksum_composite IS 'Whether it is made of the parts'' checksums.';
COMMENT ON COLUMN holdfast.uploads.version IS 'Changes with every write of the upload or of one of its parts.';

-- Columns in the order of the type holdfast.part_row.
CREATE TABLE holdfast.parts (
    upload_id          bytea NOT NULL,
    number             integer NOT NULL CHECK (number BETWEEN 1 AND 10000),
    size               bigint NOT NULL CHECK (size >= 0),
    md5                bytea NOT NULL CHECK (octet_length(md5) = 16),
    checksum_algorithm text,
    checksum           bytea,
    checksum_parts     integer,
    modified           timestamptz NOT NULL,
    chunk_volumes      bigint[] NOT NULL,
    chunk_needles      bigint[] NOT NULL,
    chunk_cookies      bigint[] NOT NULL,
    chunk_sizes        bigint[] NOT NULL,
    PRIMARY KEY (upload_id, number)
);
COMMENT ON TABLE holdfast.parts IS 'Parts of uploads in progress; guarded by the version of their upload.';

CREATE TABLE holdfast.delete_intents (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    freed   timestamptz NOT NULL,
    volumes bigint[] NOT NULL,
    needles bigint[] NOT NULL,
    cookies bigint[] NOT NULL
);
-- A queue: rows come and go, and its head must stay quick to find.
ALTER TABLE holdfast.delete_intents SET (autovacuum_vacuum_scale_factor = 0.02);
COMMENT ON TABLE holdfast.delete_intents IS
    'Needles that nothing refers to any more, until every copy of them is gone. Needle i is (volumes[i], '
    'needles[i], cookies[i]).';
COMMENT ON COLUMN holdfast.delete_intents.freed IS 'When they were freed.';

-- What a gateway sends. A column added to a table does not change them: older gateways go on working, and newer
-- ones send new types to new functions.
CREATE TYPE holdfast.bucket_row AS (name text, owner text, created timestamptz);

CREATE TYPE holdfast.object_row AS (
    bucket text, key bytea, size bigint, modified timestamptz, etag_md5 bytea, etag_parts integer,
    storage_class text, checksum_algorithm text, checksum bytea, checksum_parts integer,
    content_type text, content_encoding text, content_disposition text, content_language text,
    cache_control text, expires text, website_redirect_location text, metadata json,
    volume bigint, needle bigint, cookie bigint,
    chunk_volumes bigint[], chunk_needles bigint[], chunk_cookies bigint[], chunk_sizes bigint[],
    part_numbers integer[], part_sizes bigint[], part_checksums bytea[], part_chunks integer[],
    upload_id bytea
);

CREATE TYPE holdfast.upload_row AS (
    id bytea, bucket text, key bytea, initiator text, initiated timestamptz, storage_class text,
    content_type text, content_encoding text, content_disposition text, content_language text,
    cache_control text, expires text, website_redirect_location text, metadata json,
    checksum_algorithm text, checksum_composite boolean
);

CREATE TYPE holdfast.part_row AS (
    upload_id bytea, number integer, size bigint, md5 bytea, checksum_algorithm text, checksum bytea,
    checksum_parts integer, modified timestamptz,
    chunk_volumes bigint[], chunk_needles bigint[], chunk_cookies bigint[], chunk_sizes bigint[]
);

CREATE TYPE holdfast.freed_row AS (freed timestamptz, volumes bigint[], needles bigint[], cookies bigint[]);
