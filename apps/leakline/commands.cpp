#include "commands.hpp"

#include <vector>

namespace leakline::cli {

std::span<const CommandRow> commands() {
    static const std::vector<CommandRow> table = {
        {"diagnose", "Replay traffic against a service, analyze its memory and find the leaking line",
         "leakline diagnose --traffic traffic.jsonl --memory-limit 512MiB -o report.html -- ./service --port {port}", declare_diagnose,
         OnSignal::reports_partly},
        {"record", "Save a heap recording of a program that it runs, or of a running process",
         "leakline record --pid 1234 --for 10m -o run.leak", declare_record, OnSignal::ends_as_usual},
        {"top", "Show the lines whose live heap grows, while a process runs", "leakline top --pid 1234", declare_top,
         OnSignal::ends_as_usual},
        {"lines", "Show the growth of live heap memory by source line, from a recording",
         "leakline lines run.leak --function track_user_behavior", declare_lines, OnSignal::ends_at_once},
        {"capture", "Record live traffic as a log for replay, with a reverse proxy or from a network interface",
         "leakline capture --listen 127.0.0.1:8081 --target http://127.0.0.1:8080 -o traffic.jsonl", declare_capture,
         OnSignal::ends_as_usual},
        {"stub", "Answer with the recorded responses of a log, in place of what a service calls",
         "leakline stub partner.jsonl --listen 127.0.0.1:8082", declare_stub, OnSignal::ends_as_usual},
        {"replay", "Replay a request log against an HTTP service, at the recorded pace or another",
         "leakline replay traffic.jsonl --target http://127.0.0.1:8080 --speed 10x", declare_replay, OnSignal::reports_partly},
        {"replay-merge", "Add the results of replays of one log's shards, such as from several machines",
         "leakline replay-merge shard0.json shard1.json -o all.json", declare_replay_merge, OnSignal::ends_at_once},
        {"convert", "Convert request logs of any format to the native format",
         "leakline convert access.log --log-format-string '$remote_addr [$time_local] \"$request\"' -o traffic.jsonl", declare_convert,
         OnSignal::reports_partly},
        {"minimize", "Reduce a log to the requests that make a service leak",
         "leakline minimize traffic.jsonl --target-cmd './service --port {port}' -o min.jsonl", declare_minimize, OnSignal::reports_partly},
        {"compare", "Compare two recordings or diagnoses line by line, to check a fix or a change",
         "leakline compare before.leak after.leak --max-growth 16B/request", declare_compare, OnSignal::ends_at_once},
        {"audit", "Find containers that grow and are never cleaned, and handles that are not closed, in source code",
         "leakline audit src -p build --evidence diagnosis.json", declare_audit, OnSignal::reports_partly},
        {"sample", "Sample the memory of processes, cgroups or a command over time",
         "leakline sample --pid 1234 --interval 100ms --metrics rss,pss -o samples.csv", declare_sample, OnSignal::reports_partly},
        {"holders", "Show which variables hold the heap of a running process or core file", "leakline holders --pid 1234 --since 60s",
         declare_holders, OnSignal::reports_partly},
        {"trend", "Classify memory over time as growing, stable, shrinking or inconclusive",
         "leakline trend samples.csv --memory-limit 512MiB --max-growth 1MiB/h", declare_trend, OnSignal::reports_partly},
        {"baseline", "Accept the leaks of a run, so that later runs fail on new ones only",
         "leakline baseline diagnosis.json -o baseline.json", declare_baseline, OnSignal::ends_at_once},
        {"history", "Show the growth of each line over many diagnoses of one service", "leakline history diagnoses/ -o history.html",
         declare_history, OnSignal::reports_partly},
        {"gate", "Explain what a CI gate catches, from its runs: the smallest leak, what was not exercised", "leakline gate diagnosis.json",
         declare_gate, OnSignal::ends_at_once},
        {"report", "Write reports in any format from a stored diagnosis", "leakline report diagnosis.json -o report.html -o report.md",
         declare_report, OnSignal::ends_at_once},
        {"comment", "Write a diagnosis as a comment on a pull request, or update that of an earlier run",
         "leakline comment diagnosis.json --before main.json --history runs/", declare_comment, OnSignal::ends_at_once},
        {"serve", "Run trackd, the reference service, under a memory limit",
         "leakline serve --mode lru --capacity 5000 --memory-limit 512MiB --alert-at 80%", declare_serve, OnSignal::ends_as_usual},
        {"traffic", "Generate a log of sample traffic: reproducible, with a daily load curve",
         "leakline traffic --duration 24h --seed 7 -o day.jsonl", declare_traffic, OnSignal::reports_partly},
        {"mcp", "Serve commands as tools to other programs, by the Model Context Protocol over stdio", "leakline mcp", declare_mcp,
         OnSignal::ends_as_usual},
        {"doctor", "Check prerequisites and print how to fix them", "leakline doctor", declare_doctor, OnSignal::ends_at_once},
    };
    return table;
}

}  // namespace leakline::cli
