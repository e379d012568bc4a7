#include "commands.hpp"

#include <vector>

namespace leakline::cli {

std::span<const CommandRow> commands() {
    static const std::vector<CommandRow> table = {
        {"diagnose", "the whole job: replays traffic to a service, twice, and names the leaking line",
         "leakline diagnose --traffic traffic.jsonl --memory-limit 512MiB -o report.html -- ./service --port {port}",
         declare_diagnose},
        {"record", "runs a program under heaptrack's tracker and keeps what it says of the heap",
         "leakline record -o run.leak -- ./service --port 8080", declare_record},
        {"lines", "growth of live heap bytes by source line, from a recording",
         "leakline lines run.leak --function track_user_behavior", declare_lines},
        {"capture", "a reverse proxy that records what goes through it as a log to replay",
         "leakline capture --listen 127.0.0.1:8081 --target http://127.0.0.1:8080 -o traffic.jsonl", declare_capture},
        {"replay", "sends a recorded log to an HTTP service, at the recorded pace or another",
         "leakline replay traffic.jsonl --target http://127.0.0.1:8080 --speed 10x", declare_replay},
        {"convert", "write request logs of any format as one log in the native format",
         "leakline convert access.log --log-format-string '$remote_addr [$time_local] \"$request\"' -o traffic.jsonl", declare_convert},
        {"minimize", "the smallest part of a log, by kinds of requests, that still makes a service leak",
         "leakline minimize traffic.jsonl --target-cmd './service --port {port}' -o min.jsonl", declare_minimize},
        {"compare", "two recordings or diagnoses, line by line: did the fix work, did this change regress",
         "leakline compare before.leak after.leak --max-growth 16B/request", declare_compare},
        {"sample", "memory over time, of a process or of a command that it starts",
         "leakline sample --pid 1234 --interval 100ms --metrics rss,pss -o samples.csv", declare_sample},
        {"trend", "growing, stable, shrinking or inconclusive: the verdict on memory over time",
         "leakline trend samples.csv --limit 512MiB --max-growth 1MiB/h", declare_trend},
        {"baseline", "accept the leaks of a run, in a file that later runs are held against",
         "leakline baseline diagnosis.json -o baseline.json", declare_baseline},
        {"history", "many diagnoses of one service: growth per line over the commits, slow boil by name",
         "leakline history diagnoses/ -o history.html", declare_history},
        {"report", "any report again, from a stored diagnosis", "leakline report diagnosis.json -o report.html -o report.md",
         declare_report},
        {"serve", "runs trackd, the reference service, under a real memory limit",
         "leakline serve --mode lru --capacity 5000 --memory-limit 512MiB --alert-at 80%", declare_serve},
        {"traffic", "writes traffic like the story's as a log: seeded, with a daily curve",
         "leakline traffic --duration 24h --seed 7 -o day.jsonl", declare_traffic},
        {"doctor", "what this machine lacks, and the command that cures it", "leakline doctor", declare_doctor},
    };
    return table;
}

}  // namespace leakline::cli
