//! Databases, queues and their hosts.

use cofferdam_finding::Severity::{Critical, High};

use super::Group;
use crate::secret::{
    Shape, Spec,
    check::Check,
    spec::{assigned, token},
};

pub(super) const GROUP: Group = Group {
    name: "databases and queues",
    why: "It opens the data itself, for reading and usually for writing.",
    specs: SPECS,
};

const SPECS: &[Spec] = &[
    token("url-password-postgres", "PostgreSQL password in a URL", High, &["postgres://", "postgresql://"], "postgres(?:ql)?://[^\\s:/@\"'<>{}$]{1,80}:([^\\s:/@\"'<>{}$]{4,120})@[A-Za-z0-9._-]{3,}", "postgres://app:{b62:16}@db.internal:5432/x", "postgres://app:password@db.internal/x")
        .check(Check::UrlPassword)
        .entropy(2.5)
        .see("https://www.postgresql.org/docs/current/libpq-connect.html"),
    token("url-password-mysql", "MySQL or MariaDB password in a URL", High, &["mysql://", "mariadb://", "mysql2://"], "(?:mysql2?|mariadb)://[^\\s:/@\"'<>{}$]{1,80}:([^\\s:/@\"'<>{}$]{4,120})@[A-Za-z0-9._-]{3,}", "mysql://app:{b62:16}@db.internal/x", "mysql://app:secret@db.internal/x")
        .check(Check::UrlPassword)
        .entropy(2.5),
    token("url-password-mongodb", "MongoDB password in a URL", High, &["mongodb://", "mongodb+srv://"], "mongodb(?:\\+srv)?://[^\\s:/@\"'<>{}$]{1,80}:([^\\s:/@\"'<>{}$]{4,120})@[A-Za-z0-9._-]{3,}", "mongodb+srv://app:{b62:16}@cluster0.internal/x", "mongodb+srv://app:<password>@cluster0.internal/x")
        .check(Check::UrlPassword)
        .entropy(2.5)
        .see("https://www.mongodb.com/docs/manual/reference/connection-string/"),
    token("url-password-redis", "Redis password in a URL", High, &["redis://", "rediss://"], "rediss?://[^\\s:/@\"'<>{}$]{0,80}:([^\\s:/@\"'<>{}$]{4,120})@[A-Za-z0-9._-]{3,}", "redis://:{b62:20}@cache.internal:6379/0", "redis://cache.internal:6379/0")
        .check(Check::UrlPassword)
        .entropy(2.5),
    token("url-password-amqp", "RabbitMQ password in a URL", High, &["amqp://", "amqps://"], "amqps?://[^\\s:/@\"'<>{}$]{1,80}:([^\\s:/@\"'<>{}$]{4,120})@[A-Za-z0-9._-]{3,}", "amqps://app:{b62:16}@mq.internal/x", "amqps://guest:guest@mq.internal/x")
        .check(Check::UrlPassword)
        .entropy(2.5),
    token("url-password-mssql", "SQL Server password in a URL", High, &["sqlserver://", "mssql://"], "(?:sqlserver|mssql)://[^\\s:/@\"'<>{}$]{1,80}:([^\\s:/@\"'<>{}$]{4,120})@[A-Za-z0-9._-]{3,}", "sqlserver://app:{b62:16}@db.internal/x", "sqlserver://app:password@db.internal/x")
        .check(Check::UrlPassword)
        .entropy(2.5),
    token("url-password-http", "Password in an HTTP or FTP URL", High, &["https://", "http://", "ftp://", "sftp://", "ldap://", "ldaps://", "smtp://", "smtps://"], "(?:https?|s?ftp|ldaps?|smtps?)://[A-Za-z0-9._%+-]{1,80}:([A-Za-z0-9._%+!*~=-]{6,160})@[A-Za-z0-9-]{1,60}\\.[A-Za-z0-9.-]{2,}", "ftp://backup:{b62:16}@files.internal.corp/x", "ftp://backup:password@files.internal.corp/x")
        .check(Check::UrlPassword)
        .entropy(2.8),
    assigned("jdbc-password", "Password in a JDBC URL", High, &["jdbc:"], "(?:[a-z0-9:+]{2,40}//)[^\\s\"'<>]{3,200}[?&;]password=[^\\s&;\"'<>{}$]{4,120}", "jdbc:postgresql://db.internal/x?user=app&password={b62:16}", "jdbc:postgresql://db.internal/x?user=app&password=${PASS}")
        .shape(Shape::After)
        .entropy(3.0),
    assigned("adonet-password", "Password in a connection string", High, &["server=", "data source=", "datasource="], "[^\"'\\n<>]{1,200}?;\\s?(?i:password|pwd)=[^;\\s\"'<>{}$]{6,120}", "Server=db.internal;Database=x;User Id=sa;Password={b62:16};", "Server=db.internal;Database=x;Integrated Security=true;")
        .shape(Shape::After)
        .entropy(3.0),
    assigned("pgpass", "Password in .pgpass", High, &[":5432:"], "[^:\\s]{1,63}:[^:\\s]{1,63}:[^\\s:${<]{8,100}", "db.internal:5432:app:app:{b62:16}", "db.internal:5432:app:app:x")
        .shape(Shape::After)
        .entropy(3.2)
        .see("https://www.postgresql.org/docs/current/libpq-pgpass.html"),
    assigned("database-password", "Database password in the environment", High, &["postgres_password", "pgpassword", "mysql_password", "mysql_root_password", "mariadb_password", "mariadb_root_password", "mongo_initdb_root_password", "redis_password", "db_password", "database_password", "sa_password"], "[^\\s\"'${}<>;,]{6,120}", "MYSQL_ROOT_PASSWORD={b62:14}", "MYSQL_ROOT_PASSWORD=${SECRET}")
        .shape(Shape::Generic)
        .entropy(2.6)
        .check(Check::UrlPassword),
    token("planetscale-token", "PlanetScale service token", High, &["pscale_tkn_"], "pscale_tkn_[A-Za-z0-9_.=-]{32,64}", "pscale_tkn_{b62:43}", "pscale_tkn_{b62:10}")
        .entropy(3.8)
        .see("https://planetscale.com/docs"),
    token("planetscale-password", "PlanetScale password", High, &["pscale_pw_"], "pscale_pw_[A-Za-z0-9_.=-]{32,64}", "pscale_pw_{b62:43}", "pscale_pw_{b62:10}")
        .entropy(3.8),
    token("planetscale-oauth-token", "PlanetScale OAuth token", High, &["pscale_oauth_"], "pscale_oauth_[A-Za-z0-9_.=-]{32,64}", "pscale_oauth_{b62:43}", "pscale_oauth_{b62:10}")
        .entropy(3.8),
    token("supabase-token", "Supabase personal access token", Critical, &["sbp_"], "sbp_[a-f0-9]{40}", "sbp_{hex:40}", "sbp_{hex:20}")
        .entropy(3.0)
        .see("https://supabase.com/docs/guides/api/api-keys"),
    token("supabase-secret-key", "Supabase secret key", Critical, &["sb_secret_"], "sb_secret_[A-Za-z0-9_-]{31}", "sb_secret_{url:31}", "sb_secret_{url:10}")
        .entropy(3.6),
    token("databricks-token", "Databricks access token", Critical, &["dapi"], "dapi[a-f0-9]{32}(?:-[0-9])?", "dapi{hex:32}", "dapi{hex:20}")
        .entropy(3.0)
        .see("https://docs.databricks.com/aws/en/dev-tools/auth/pat"),
    assigned("snowflake-password", "Snowflake password", High, &["snowflake_password", "snowsql_pwd"], "[^\\s\"'${}<>]{8,120}", "SNOWSQL_PWD={b62:20}", "SNOWSQL_PWD=${PWD}")
        .check(Check::UrlPassword),
    token("neon-api-key", "Neon API key", High, &["napi_"], "napi_[a-z0-9]{64}", "napi_{low:64}", "napi_{low:20}")
        .entropy(3.8),
    token("neon-password", "Neon database password", High, &["npg_"], "npg_[A-Za-z0-9]{12,24}", "npg_{b62:12}", "npg_{b62:5}")
        .entropy(3.0)
        .check(Check::Mixed),
    token("aiven-token", "Aiven service password", High, &["AVNS_"], "AVNS_[A-Za-z0-9_-]{19}", "AVNS_{url:19}", "AVNS_{url:8}")
        .entropy(3.4),
    assigned("elastic-api-key", "Elastic API key", High, &["elastic", "es_api_key"], "[A-Za-z0-9_-]{58,62}={0,2}", "ELASTIC_API_KEY={url:60}==", "ELASTIC_API_KEY={url:20}==")
        .entropy(4.2),
    assigned("influxdb-token", "InfluxDB token", High, &["influx"], "[A-Za-z0-9_-]{86}==", "INFLUX_TOKEN={url:86}==", "INFLUX_TOKEN={url:20}==")
        .entropy(4.2),
    token("clickhouse-cloud-key", "ClickHouse Cloud API secret", High, &["4b1d"], "4b1d[A-Za-z0-9]{38}", "4b1d{b62:38}", "4b1d{b62:10}")
        .entropy(4.0),
    token("astra-token", "DataStax Astra token", High, &["AstraCS:"], "AstraCS:[A-Za-z]{24}:[a-f0-9]{64}", "AstraCS:{alpha:24}:{hex:64}", "AstraCS:{alpha:24}")
        .entropy(3.6),
    assigned("kafka-jaas-password", "Kafka password in a JAAS configuration", High, &["loginmodule required"], "[^\\n]{0,200}?password=\\\\?\"[^\"$\\n]{6,200}\"", "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"a\" password=\"{b62:20}\";", "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"a\" password=\"${P}\";")
        .shape(Shape::After)
        .entropy(3.0),
    assigned("fauna-secret", "Fauna secret", High, &["fauna"], "fn[A-Za-z0-9_-]{38,44}", "FAUNA_SECRET=fn{url:40}", "FAUNA_SECRET=fn{url:10}")
        .entropy(3.8),
    assigned("upstash-token", "Upstash REST token", High, &["upstash"], "A[A-Za-z0-9]{2,4}AA[A-Za-z0-9_-]{40,110}={0,2}", "UPSTASH_REDIS_REST_TOKEN=AXxxAA{b62:60}", "UPSTASH_REDIS_REST_TOKEN=none")
        .entropy(3.8),
];
