//! Written forms of a report: table, JSON, SARIF 2.1.0, JUnit.
