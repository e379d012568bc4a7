// A small HTTP service that keeps a record of 300 bytes for each request: rust_service PORT [bounded]. Standard library only.
// bounded: the newest 2,000.
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;

static RECORDS: Mutex<VecDeque<Vec<u8>>> = Mutex::new(VecDeque::new());

fn keep_record(size: usize, most: usize) {
    let record = vec![1u8; size]; // RECORD
    let mut records = RECORDS.lock().unwrap();
    records.push_back(record);
    if records.len() > most {
        records.pop_front();
    }
}

fn serve(mut stream: TcpStream, most: usize) {
    stream.set_nodelay(true).unwrap();
    let mut received = Vec::new();
    let mut buffer = [0u8; 16384];
    loop {
        while let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            received.drain(..end + 4); // only requests without a body
            keep_record(300, most);
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_err() {
                return;
            }
        }
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => received.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
}

fn main() {
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let most = if std::env::args().nth(2).is_some() { 2000 } else { usize::MAX };
    for stream in TcpListener::bind(("127.0.0.1", port)).unwrap().incoming() {
        if let Ok(stream) = stream {
            thread::spawn(move || serve(stream, most));
        }
    }
}
