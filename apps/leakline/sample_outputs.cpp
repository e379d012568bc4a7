#include "sample_outputs.hpp"
#include "base/ascii.hpp"
#include "base/strings.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

namespace leakline::cli {

namespace fs = std::filesystem;
using memory::SampleFile;
using memory::SampleFormat;

namespace {

// The part of a file name that identifies its subject: its pid; a cgroup's own name, of a container's id as much as docker ps
// shows.
std::string label_of(const memory::Subject& subject) {
    constexpr std::size_t kShortId = 12;
    constexpr std::string_view kHex = "0123456789abcdef";
    if (subject.pid != 0) return std::to_string(subject.pid);
    std::string_view path = subject.name;
    while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);  // as a shell completes a folder
    std::string label(file_name(path));
    if (label.size() > kShortId && label.find_first_not_of(kHex) == std::string::npos) label.resize(kShortId);
    for (char& c : label)
        if (!is_letter(c) && !is_digit(c) && c != '-' && c != '_' && c != '.') c = '_';
    return label;
}

// samples.csv of process 7 -> samples.7.csv; of the second of two cgroups called web -> samples.web-2.csv
std::string path_of(const std::string& path, const memory::Subject& subject, const std::vector<std::string>& taken) {
    const std::string label = label_of(subject);
    for (int number = 1;; ++number) {
        fs::path own(path);
        own.replace_filename(own.stem().string() + "." + label + (number > 1 ? "-" + std::to_string(number) : "") +
                             own.extension().string());
        // A pid that is used again goes on in its file.
        if (subject.pid != 0 || std::find(taken.begin(), taken.end(), own.string()) == taken.end()) return own.string();
    }
}

}  // namespace

SampleOutputs::SampleOutputs(const std::vector<std::string>& paths, memory::Retention retention) : retention_(retention) {
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
        const bool own_files = target.path != "-" && ((layout.format == SampleFormat::csv && processes != Processes::one) ||
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
        Target::OfSubject& own = target.by_subject[{subject.pid, subject.pid == 0 ? subject.name : ""}];
        if (!own.file) {
            own.file = std::make_unique<SampleFile>(path_of(target.path, subject, written_), retention_);
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
        for (auto own = target.by_subject.begin(); own != target.by_subject.end();) {
            if (own->second.alive) {
                own->second.file->end_tick();
                own->second.alive = false;
                ++own;
            } else {
                own->second.file->finish();
                own = target.by_subject.erase(own);
            }
        }
    }
}

void SampleOutputs::finish() {
    for (Target& target : targets_) {
        if (target.file) target.file->finish();
        for (auto& [subject, own] : target.by_subject) own.file->finish();
    }
}

}  // namespace leakline::cli
