// The same for Rust: statics that hold memory in known ways. Prints "ready 0", and waits.
use std::collections::{HashMap, HashSet};
use std::env;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

struct Event {
    user: String,
    texts: Vec<String>,
}

enum Shape {
    Empty,
    Named(String),
    Listed(Vec<String>),
}

static EVENTS: Mutex<Vec<Event>> = Mutex::new(Vec::new());
static BY_ID: Mutex<Option<HashMap<u64, String>>> = Mutex::new(None);
static SEEN: Mutex<Option<HashSet<String>>> = Mutex::new(None);
static SHARED: Mutex<Option<Arc<Vec<String>>>> = Mutex::new(None);
static BOXED: Mutex<Option<Box<Event>>> = Mutex::new(None);
static SHAPES: Mutex<Vec<Shape>> = Mutex::new(Vec::new());

fn text(i: usize) -> String {
    format!("{:060}", i)
}

fn event(i: usize, texts: usize) -> Event {
    Event { user: text(i), texts: (0..texts).map(text).collect() }
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let n: usize = arguments[2].parse().unwrap();
    match arguments[1].as_str() {
        "vec" => EVENTS.lock().unwrap().extend((0..n).map(|i| event(i, 3))),
        "map" => *BY_ID.lock().unwrap() = Some((0..n).map(|i| (i as u64, text(i))).collect()),
        "set" => *SEEN.lock().unwrap() = Some((0..n).map(text).collect()),
        "shared" => *SHARED.lock().unwrap() = Some(Arc::new((0..n).map(text).collect())),
        "boxed" => *BOXED.lock().unwrap() = Some(Box::new(event(0, n))),
        "enum" => SHAPES.lock().unwrap().extend((0..n).map(|i| match i % 3 {
            0 => Shape::Empty,
            1 => Shape::Named(text(i)),
            _ => Shape::Listed(vec![text(i)]),
        })),
        _ => {}
    }
    for shape in SHAPES.lock().unwrap().iter() {
        match shape {
            Shape::Named(name) => assert!(!name.is_empty()),
            Shape::Listed(names) => assert!(!names[0].is_empty()),
            Shape::Empty => {}
        }
    }
    for event in EVENTS.lock().unwrap().iter() {
        assert!(event.user.len() + event.texts.len() > 0);
    }
    println!("ready 0");
    std::io::stdout().flush().unwrap();
    loop {
        thread::sleep(Duration::from_secs(1000));
    }
}
