//! How each statement is written, for `\h`. Texts only.

/// The first words of a statement, and how it is written.
pub const STATEMENTS: &[(&str, &str)] = &[
    (
        "SELECT",
        "SELECT columns FROM provider.service.table [JOIN ..] [WHERE ..] [GROUP BY ..] [ORDER BY ..] [LIMIT n];
  Filters, orders and limits that the API knows are sent to it; required parameters stand in WHERE.
  EXPLAIN shows the requests, _ is the last result, a file is a table by its name in quotes: FROM 'rows.csv'.",
    ),
    (
        "INSERT",
        "INSERT INTO provider.service.table (columns) VALUES (..), (..) [RETURNING columns];
INSERT INTO provider.service.table (columns) SELECT .. [RETURNING columns];
  One request a row, each sent once. SHOW INSERT INTO table writes one to fill in.",
    ),
    ("UPDATE", "UPDATE provider.service.table SET column = value, .. WHERE ..;"),
    ("REPLACE", "REPLACE provider.service.table SET column = value, .. WHERE ..;"),
    ("DELETE", "DELETE FROM provider.service.table WHERE ..;"),
    (
        "EXEC",
        "EXEC provider.service.table.method @name = value, .. [@@json = '{..}'];
  \\dm table lists the methods and what they need.",
    ),
    (
        "SHOW",
        "SHOW [EXTENDED] PROVIDERS | SERVICES IN provider | RESOURCES IN provider.service [LIKE '..'];
SHOW [EXTENDED] METHODS IN provider.service.table;
SHOW INSERT INTO provider.service.table;
SHOW AUTH IN provider; SHOW TABLES; SHOW ALL; SHOW setting; SHOW VERSION;",
    ),
    (
        "DESCRIBE",
        "DESCRIBE [EXTENDED] provider.service.table;
DESCRIBE [EXTENDED] METHOD provider.service.table.method;",
    ),
    (
        "EXPLAIN",
        "EXPLAIN statement;
  Shows the requests that it would send, and sends nothing. EXPLAIN ANALYZE runs a read and tells what it took.",
    ),
    ("USE", "USE provider[.service];\n  Bare names are then found there; \\c does the same."),
    (
        "SET",
        "SET setting = value;
SET provider.parameter = 'value';
  The default of a parameter. SHOW ALL lists the settings; RESET name takes one back.",
    ),
    ("RESET", "RESET setting;"),
    (
        "ASSERT",
        "ASSERT condition [, 'message'];\nASSERT SELECT .. [, 'message'];\n  An error when the condition is not true.",
    ),
    (
        "CREATE",
        "CREATE [OR REPLACE] TABLE name AS SELECT ..;
CREATE [OR REPLACE] VIEW name AS SELECT ..;
CREATE EXTERNAL TABLE name STORED AS CSV | JSON | PARQUET LOCATION 'file';
  Tables of this session; nothing is sent but the SELECT's reads.",
    ),
    ("DROP", "DROP TABLE | VIEW [IF EXISTS] name;\n  A table or view of this session."),
    ("COPY", "COPY (SELECT ..) | table TO 'file' STORED AS CSV | TSV | JSON | PARQUET | ARROW | MARKDOWN | HTML | ..;"),
];
