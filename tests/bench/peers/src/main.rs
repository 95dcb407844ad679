//! The Sigma engines written in Rust, for `./run bench sigma`.
//!
//! `sigma-peers ENGINE RULES EVENTS`: ENGINE is `rsigma` or `sigma-rust`, RULES a folder of rule files, EVENTS a file of
//! JSON lines. Every event is parsed and asked of the rules of its log source only. Prints one JSON object: rules loaded,
//! seconds of loading and of the events, and how often each rule matched.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;
use std::{env, fs};

use rsigma_eval::{Engine, JsonEvent};
use rsigma_parser::LogSource;
use serde_json::{json, Value};

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let [_, engine, rules, events] = arguments.as_slice() else {
        panic!("usage: sigma-peers rsigma|sigma-rust RULES EVENTS");
    };
    let mut paths: Vec<_> = fs::read_dir(rules).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let texts: Vec<String> = paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let lines = fs::read_to_string(events).unwrap();
    let result = match engine.as_str() {
        "rsigma" => rsigma(&texts, &lines),
        "sigma-rust" => sigma_rust(&texts, &lines),
        other => panic!("no engine {other}"),
    };
    println!("{result}");
}

fn rsigma(texts: &[String], lines: &str) -> Value {
    let started = Instant::now();
    let mut engine = Engine::new();
    let mut loaded = 0;
    let mut rules = Vec::new();
    for text in texts {
        if let Ok(collection) = rsigma_parser::parse_sigma_yaml(text) {
            rules.extend(collection.rules);
        }
    }
    loaded += rules.len();
    loaded -= engine.add_rules(&rules).len();
    let loading = started.elapsed().as_secs_f64();
    let mut hits: BTreeMap<String, u64> = BTreeMap::new();
    let started = Instant::now();
    let mut count = 0;
    for line in lines.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let source = log_source(&value);
        for found in engine.evaluate_with_logsource(&JsonEvent::borrow(&value), &source) {
            *hits.entry(found.header.rule_id.unwrap_or_default()).or_default() += 1;
        }
        count += 1;
    }
    report(loaded, loading, count, started.elapsed().as_secs_f64(), hits)
}

fn sigma_rust(texts: &[String], lines: &str) -> Value {
    let started = Instant::now();
    let rules: Vec<(sigma_rust::Rule, LogSource)> = texts
        .iter()
        .filter_map(|text| {
            let rule = sigma_rust::rule_from_yaml(text).ok()?;
            let source = rule_source(text)?;
            Some((rule, source))
        })
        .collect();
    let loading = started.elapsed().as_secs_f64();
    let mut by_source: HashMap<String, Vec<usize>> = HashMap::new();
    let mut hits: BTreeMap<String, u64> = BTreeMap::new();
    let started = Instant::now();
    let mut count = 0;
    for line in lines.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let source = log_source(&value);
        let key = format!("{:?}/{:?}/{:?}", source.category, source.product, source.service);
        let concerned = by_source.entry(key).or_insert_with(|| {
            (0..rules.len()).filter(|&index| concerns(&rules[index].1, &source)).collect()
        });
        let event = sigma_rust::event_from_json(line).unwrap();
        for &index in concerned.iter() {
            if rules[index].0.is_match(&event) {
                *hits.entry(rules[index].0.id.clone().unwrap_or_default()).or_default() += 1;
            }
        }
        count += 1;
    }
    report(rules.len(), loading, count, started.elapsed().as_secs_f64(), hits)
}

fn rule_source(text: &str) -> Option<LogSource> {
    let collection = rsigma_parser::parse_sigma_yaml(text).ok()?;
    collection.rules.first().map(|rule| rule.logsource.clone())
}

fn concerns(rule: &LogSource, event: &LogSource) -> bool {
    fn part(wanted: &Option<String>, given: &Option<String>) -> bool {
        wanted.is_none() || wanted == given
    }
    part(&rule.category, &event.category) && part(&rule.product, &event.product) && part(&rule.service, &event.service)
}

/// The log source that the made events are of: by dataset, and by event id where Windows wrote them.
fn log_source(event: &Value) -> LogSource {
    let dataset = event["event"]["dataset"].as_str().unwrap_or("");
    let text = |word: &str| Some(word.to_string());
    let Some(service) = dataset.strip_prefix("windows.") else {
        return LogSource { category: text(dataset), ..Default::default() };
    };
    let code = event["EventID"].as_i64().unwrap_or(0);
    let category = match code {
        1 | 4688 => "process_creation",
        3 => "network_connection",
        6 => "driver_load",
        7 => "image_load",
        8 => "create_remote_thread",
        9 => "raw_access_thread",
        10 => "process_access",
        11 => "file_event",
        12 if event["EventType"].as_str().is_some_and(|kind| kind.starts_with("Delete")) => "registry_delete",
        12 => "registry_add",
        13 => "registry_set",
        17 | 18 => "pipe_created",
        22 => "dns_query",
        23 | 26 => "file_delete",
        _ => "",
    };
    LogSource {
        category: (!category.is_empty()).then(|| category.to_string()),
        product: text("windows"),
        service: text(service),
        ..Default::default()
    }
}

fn report(rules: usize, loading: f64, events: u64, seconds: f64, hits: BTreeMap<String, u64>) -> Value {
    json!({"rules": rules, "load_seconds": loading, "events": events, "seconds": seconds, "hits": hits})
}
