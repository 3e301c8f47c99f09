#!/usr/bin/env bash
# Trino 435, the referee for the SQL that Athena is sent (Athena's engine 3 is Trino). Needs Java 17 and Maven.
#
#   trino.sh fetch HOME                         the engine's jars, 260 MB, once; later calls return at once
#   trino.sh run HOME DIR PORT ENDPOINT BUCKET  runs it in the foreground on 127.0.0.1:PORT until it is killed
#
# `run` keeps its configuration and log in DIR. The catalog (TRINO_CATALOG, else `lake`) reads the buckets of the S3 server at
# ENDPOINT (path style, region AWS_REGION, keys from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, else test/test); its metastore is
# kept in BUCKET, under `_metastore`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=435

fetch() {
  local home=$1
  if [ -e "$home/complete" ]; then return; fi
  mkdir -p "$home/plugin" "$home/classes"
  mvn -B -q -f "$here/pom.xml" -Dtrino.version=$version dependency:copy-dependencies \
    -DoutputDirectory="$home/lib" -DincludeScope=runtime
  mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
    -Dartifact=io.trino:trino-hive:$version:zip -DoutputDirectory="$home"
  (cd "$home/plugin" && rm -rf hive && jar xf "../trino-hive-$version.zip" && mv "trino-hive-$version" hive)
  rm "$home/trino-hive-$version.zip"
  javac -cp "$home/lib/*" -d "$home/classes" "$here/Server.java"
  touch "$home/complete"
}

run() {
  local home=$1 dir=$2 port=$3 endpoint=$4 bucket=$5
  mkdir -p "$dir/catalog" "$dir/data"
  cat > "$dir/config.properties" <<P
coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port=$port
discovery.uri=http://127.0.0.1:$port
query.max-memory=300MB
query.max-memory-per-node=300MB
memory.heap-headroom-per-node=128MB
plugin.dir=$home/plugin
catalog.config-dir=$dir/catalog
P
  cat > "$dir/catalog/${TRINO_CATALOG:-lake}.properties" <<P
connector.name=hive
hive.metastore=file
hive.metastore.catalog.dir=s3://$bucket/_metastore
hive.non-managed-table-writes-enabled=true
hive.partition-projection-enabled=true
hive.table-statistics-enabled=false
hive.parquet.time-zone=UTC
fs.hadoop.enabled=false
fs.native-s3.enabled=true
s3.endpoint=$endpoint
s3.region=${AWS_REGION:-us-east-1}
s3.path-style-access=true
s3.aws-access-key=${AWS_ACCESS_KEY_ID:-test}
s3.aws-secret-key=${AWS_SECRET_ACCESS_KEY:-test}
P
  cd "$dir"
  # Whoever started it may be killed: then nobody else would end it.
  local parent=$PPID own=$$
  (while kill -0 "$parent" 2> /dev/null; do sleep 2; done; kill "$own" 2> /dev/null) &
  exec java -Xmx1g -XX:+UseSerialGC -Duser.timezone=UTC -Djdk.attach.allowAttachSelf=true \
    -Dnode.environment=test -Dnode.id=referee -Dnode.data-dir="$dir/data" \
    -Dconfig="$dir/config.properties" -cp "$home/classes:$home/lib/*" Server $version > "$dir/trino.log" 2>&1
}

"$@"
