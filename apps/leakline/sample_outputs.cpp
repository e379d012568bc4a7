#include "sample_outputs.hpp"

#include <unistd.h>

#include <filesystem>

namespace leakline::cli {

namespace fs = std::filesystem;
using memory::SampleFile;
using memory::SampleFormat;

namespace {

// samples.csv of process 7 -> samples.7.csv
std::string path_of_process(const std::string& path, int pid) {
    fs::path own(path);
    own.replace_filename(own.stem().string() + "." + std::to_string(pid) + own.extension().string());
    return own.string();
}

}  // namespace

SampleOutputs::SampleOutputs(const std::vector<std::string>& paths, memory::Retention retention)
    : retention_(retention) {
    for (const std::string& path : paths) {
        Target& target = targets_.emplace_back();
        target.path = path;
        std::error_code error;
        target.created = path != "-" && !fs::exists(path, error);
        target.file = std::make_unique<SampleFile>(path, retention);
        target.layout.format = memory::sample_format_of(path);
        on_standard_output_ = on_standard_output_ || path == "-" || path == "/dev/stdout";
    }
}

SampleOutputs::~SampleOutputs() {
    if (begun_) return;
    for (const Target& target : targets_)
        if (target.created) ::unlink(target.path.c_str());
}

void SampleOutputs::begin(memory::SampleLayout layout, Processes processes) {
    begun_ = true;
    for (Target& target : targets_) {
        layout.format = target.layout.format;
        layout.process_column = processes != Processes::one && target.path == "-";
        target.layout = layout;
        const bool own_files = target.path != "-" &&
                               ((layout.format == SampleFormat::csv && processes != Processes::one) ||
                                (layout.format == SampleFormat::mprof && processes == Processes::several));
        if (own_files) {
            target.file.reset();
            if (target.created) ::unlink(target.path.c_str());
        } else {
            target.file->begin(layout);
            if (target.path != "-") written_.push_back(target.path);
        }
    }
}

void SampleOutputs::add(const memory::Subject& subject, const MemorySample& sample) {
    for (Target& target : targets_) {
        if (target.file) {
            target.file->add(subject, sample);
            continue;
        }
        Target::OfProcess& own = target.by_pid[subject.pid];
        if (!own.file) {
            own.file = std::make_unique<SampleFile>(path_of_process(target.path, subject.pid), retention_);
            memory::SampleLayout layout = target.layout;
            layout.main_pid = subject.pid;
            own.file->begin(layout);
            written_.push_back(own.file->path());
        }
        own.alive = true;
        own.file->add(subject, sample);
    }
}

void SampleOutputs::end_tick() {
    for (Target& target : targets_) {
        if (target.file) target.file->end_tick();
        for (auto own = target.by_pid.begin(); own != target.by_pid.end();) {
            if (own->second.alive) {
                own->second.file->end_tick();
                own->second.alive = false;
                ++own;
            } else {
                own->second.file->finish();
                own = target.by_pid.erase(own);
            }
        }
    }
}

void SampleOutputs::finish() {
    for (Target& target : targets_) {
        if (target.file) target.file->finish();
        for (auto& [pid, own] : target.by_pid) own.file->finish();
    }
}

}  // namespace leakline::cli
