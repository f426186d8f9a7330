//! What writers do under lock goes along primary keys, also by plans that were made while tables
//! were empty and serve for ever.

use parlor_storage_postgres::cluster::Cluster;

/// The statements on rows, as they are listed, and how the engine would carry them out.
fn plans(cluster: &Cluster, url: &str) -> Vec<(String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/statements.sql");
    let listed = std::fs::read_to_string(path).expect("the list");
    let begin = listed.lines().find(|line| line.contains("READ WRITE")).expect("a transaction");
    let (_, rows) = listed.split_once("-- Rows of").expect("rows");
    let (rows, _) = rows.split_once("-- The read").expect("reads");
    let statements = rows.lines().filter(|line| line.ends_with(';') && line.contains("$1"));
    let plan = |sql: &str| {
        let count = (1..).take_while(|n| sql.contains(&format!("${n}::"))).count();
        let nulls = vec!["NULL"; count].join(", ");
        let explain = format!(
            "{begin} SET LOCAL plan_cache_mode = force_generic_plan; PREPARE it AS {sql} \
             EXPLAIN EXECUTE it ({nulls}); DEALLOCATE it; ROLLBACK"
        );
        (sql.to_owned(), cluster.sql(url, &explain))
    };
    statements.map(plan).collect()
}

#[test]
fn no_statement_of_a_writer_reads_a_table_from_end_to_end() {
    let cluster = Cluster::shared();
    let plans = plans(cluster, &cluster.database());
    assert!(plans.len() > 60, "{} statements", plans.len());
    for (sql, plan) in plans {
        for word in ["Seq Scan", "Hash Join", "Merge Join", "JIT"] {
            assert!(!plan.contains(word), "{sql}\n{plan}");
        }
        let by_key = plan.contains("_pkey") || sql.starts_with("INSERT");
        assert!(by_key, "{sql}\n{plan}");
    }
}

#[test]
fn locks_are_taken_in_the_order_of_keys() {
    let cluster = Cluster::shared();
    for (sql, plan) in plans(cluster, &cluster.database()) {
        if sql.contains(" FOR ") {
            let at = |word| plan.find(word).unwrap_or_else(|| panic!("no {word}: {sql}\n{plan}"));
            assert!(at("LockRows") < at("Sort"), "{sql}\n{plan}");
        }
    }
}
