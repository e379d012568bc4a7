#include "heap/internal/recording_file.hpp"
#include "heap/internal/recording_follower.hpp"
#include "heap/internal/varint.hpp"
#include "heap/profile_reader.hpp"
#include "streams.hpp"
#include "system/descriptor.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <utility>

using namespace leakline;

namespace {

std::string file_bytes(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// A recording of five marks with the writer, and the profile that went in.
struct Written {
    HeapProfile expected;
    std::string bytes;
};

Written write_recording() {
    TemporaryDirectory folder;
    const std::string path = folder.path() + "/run.leak";
    FILE* file = std::fopen(path.c_str(), "w");
    heap::RecordingWriter writer(::fileno(file));
    Written written;
    HeapProfile& expected = written.expected;
    heap::RawRecording recording({std::chrono::milliseconds(100), 600, "test"}, [&](HeapMark mark) {
        if (!writer.header_written()) writer.header(std::chrono::seconds(1'700'000'000), recording.tables());
        if (mark.at == std::chrono::milliseconds(200)) {
            mark.allocator_in_use = 5000;
            mark.allocator_retained = 0;
        }
        writer.mark(mark, recording.tables());
        expected.marks.push_back(std::move(mark));
    });
    std::string text = "v 10400 3\nx 4 /svc\nX svc -x\nI 1000 1\nm 1 -\nm 1 x 1000 0 9000\nt 1010 0\nt 2020 1\n";
    for (int i = 1; i <= 3; ++i)
        text += fmt::format("+ {:x} {:x} {:x}\nc {:x}\nR {:x}\nt {:x} 2\n", i * 100, i, i * 16, i * 100, i, 0x3000 + i);
    text += "- 10\nc 200\nR 9\n";
    const std::string margin = std::string(64, ' ') + text + std::string(64, ' ');
    recording.take(std::string_view(margin).substr(64, text.size()));
    recording.finish({});
    heap::Symbols symbols;
    symbols.strings = {"main()", "/src/main.cpp", "/svc"};
    symbols.frames = {{StringId{1}, StringId{2}, 42}};
    for (const std::uint64_t address : recording.symbols().addresses) symbols.ips.push_back({address, {}, 0, 0});
    symbols.ips[1] = {0x1010, StringId{3}, 0, 1};
    Diagnostics damage;
    for (int i = 0; i < 12; ++i) damage.add("here", "that");
    writer.finish({recording.now(), Completeness::final_tick, {"mind this"}}, recording.tables(), recording.peak(), damage, symbols);
    std::fclose(file);
    CHECK(writer.error() == 0);
    expected.traces = recording.traces();
    expected.rss = recording.rss();
    expected.peak = recording.live_bytes().peak_costs();
    expected.peak_bytes = recording.live_bytes().peak();
    written.bytes = file_bytes(path);
    return written;
}

HeapProfile read_bytes(const std::string& bytes) {
    const auto source = memory_source(bytes);
    std::string magic(heap::kRecordingMagic.size(), '\0');
    std::size_t got = 0;
    while (got < magic.size()) {
        const std::size_t count = source->read({magic.data() + got, magic.size() - got});
        if (count == 0) break;
        got += count;
    }
    return heap::read_recording(*source, "run.leak");
}

void check_same_marks(const HeapProfile& read, const HeapProfile& expected) {
    for (std::size_t i = 0; i < read.marks.size(); ++i) {
        CAPTURE(i);
        const HeapMark &a = read.marks[i], &b = expected.marks[i];
        CHECK(a.kind == b.kind);
        CHECK(a.at == b.at);
        CHECK(a.rss == b.rss);
        CHECK(a.allocator_in_use == b.allocator_in_use);
        CHECK(a.allocator_retained == b.allocator_retained);
        REQUIRE(a.changes.size() == b.changes.size());
        for (std::size_t k = 0; k < a.changes.size(); ++k) {
            CHECK(a.changes[k].trace == b.changes[k].trace);
            CHECK(a.changes[k].cost == b.changes[k].cost);
        }
    }
}

// A record, as it stands in the file: at most 127 bytes.
std::string record(char tag, const std::string& payload) { return tag + std::string(1, static_cast<char>(payload.size())) + payload; }

}  // namespace

TEST_CASE("a recording comes back as it was written") {
    const Written written = write_recording();
    const HeapProfile profile = read_bytes(written.bytes);
    REQUIRE(profile.marks.size() == written.expected.marks.size());
    check_same_marks(profile, written.expected);
    CHECK(profile.command == "svc -x");
    CHECK(profile.started == Nanoseconds(std::chrono::seconds(1'700'000'000)));
    CHECK(profile.duration == std::chrono::milliseconds(0x200));
    CHECK(profile.events == 4);
    CHECK(profile.peak_bytes == written.expected.peak_bytes);
    CHECK(profile.peak == written.expected.peak);
    CHECK(profile.rss.size() == written.expected.rss.size());
    CHECK(profile.traces.size() == written.expected.traces.size());
    CHECK(profile.string(profile.frames.at(0).function) == "main()");
    CHECK(profile.ips[1].frame_count == 1);
    CHECK(profile.warnings == std::vector<std::string>{"mind this"});
    CHECK(profile.damage.count() == 12);
    CHECK(profile.completeness == Completeness::final_tick);
}

TEST_CASE("what stands behind the end of a recording is not read, and leaves it as whole as it says it is") {
    const Written written = write_recording();
    for (const std::string& more : {std::string("rubbish"), written.bytes}) {
        const HeapProfile profile = read_bytes(written.bytes + more);
        CHECK(profile.marks.size() == written.expected.marks.size());
        CHECK(profile.completeness == Completeness::final_tick);
        CHECK(profile.warnings == std::vector<std::string>{"mind this"});
        CHECK(profile.damage.count() == 13);
        CHECK(profile.peak_bytes == written.expected.peak_bytes);
    }
}

TEST_CASE("cut at any byte, a recording holds every mark whose frame is whole, and says that it is torn") {
    const Written written = write_recording();
    std::size_t most = 0;
    ::setenv("LEAKLINE_HEAPTRACK_DIR", "/nonexistent", 1);  // names are not at stake, and take a process each
    for (std::size_t size = 0; size < written.bytes.size(); ++size) {
        const HeapProfile profile = read_bytes(written.bytes.substr(0, size));
        CAPTURE(size);
        REQUIRE(profile.marks.size() >= most);
        REQUIRE(profile.marks.size() <= written.expected.marks.size());
        most = profile.marks.size();
        check_same_marks(profile, written.expected);
        CHECK(profile.completeness == Completeness::torn);
        // Without the recording's own peak, the highest mark's.
        std::int64_t highest = 0, live = 0;
        std::map<TraceId, std::int64_t> of;
        for (const HeapMark& mark : profile.marks) {
            for (const HeapMark::Change& change : mark.changes)
                live += change.cost.live_bytes - std::exchange(of[change.trace], change.cost.live_bytes);
            highest = std::max(highest, live);
        }
        CHECK(profile.peak_bytes >= static_cast<Bytes>(highest));
        CHECK(profile.peak_bytes <= written.expected.peak_bytes);
    }
    CHECK(most == written.expected.marks.size());
    ::unsetenv("LEAKLINE_HEAPTRACK_DIR");
}

TEST_CASE("a recording that is followed while it is written has the same live bytes, in few marks") {
    const Written written = write_recording();
    ::setenv("LEAKLINE_HEAPTRACK_DIR", "/nonexistent", 1);
    TemporaryDirectory folder;
    const std::string path = folder.path() + "/run.leak";
    const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    heap::RecordingFollower follower(file.get(), "");
    const auto live_of = [](const HeapProfile& profile) {
        std::map<TraceId, std::int64_t> live;
        for (const HeapMark& mark : profile.marks)
            for (const HeapMark::Change& change : mark.changes) live[change.trace] = change.cost.live_bytes;
        return live;
    };
    for (int time = 0; time < 2; ++time) {
        for (const char byte : written.bytes) {
            REQUIRE(::write(file.get(), &byte, 1) == 1);
            const HeapProfile& so_far = follower.read();
            CHECK(so_far.marks.size() <= 2);
            for (std::size_t i = 1; i < so_far.marks.size(); ++i) CHECK(so_far.marks[i].at >= so_far.marks[i - 1].at);
        }
        const HeapProfile& all = follower.read();
        CHECK(live_of(all) == live_of(written.expected));
        CHECK(all.marks.back().at == written.expected.marks.back().at);
        CHECK(all.traces.size() == written.expected.traces.size());
        REQUIRE(::ftruncate(file.get(), 0) == 0);  // another program was chosen
        ::lseek(file.get(), 0, SEEK_SET);
        follower.read();
    }
    ::unsetenv("LEAKLINE_HEAPTRACK_DIR");
}

TEST_CASE("a recording that is cut off has the names of what is no code") {
    std::string name{1, 2};
    for (const char* text : {"handle", "/app.py"}) heap::put_string(name, text);
    heap::put_varint(name, 7);
    const std::string records = record('I', {2, 2, 2}) + record('Y', name) + record('T', {1, 2, 0});
    ::setenv("LEAKLINE_HEAPTRACK_DIR", "/nonexistent", 1);
    const auto source = memory_source(records);
    const HeapProfile profile = heap::read_recording(*source, "run.leak");
    ::unsetenv("LEAKLINE_HEAPTRACK_DIR");
    REQUIRE(profile.ips.size() == 2);
    REQUIRE(profile.ips[1].frame_count == 1);
    const Frame& frame = profile.frames.at(profile.ips[1].first_frame);
    CHECK(profile.string(frame.function) == "handle");
    CHECK(profile.string(frame.file) == "/app.py");
    CHECK(frame.line == 7);
}

TEST_CASE("names that come twice do not lead behind the frames that there are") {
    const std::string once = record('F', {2, 0, 0, 0, 3, 0, 0, 1, 0, 0, 2, 0, 0, 3});
    const std::string again = record('F', {2, 0, 0, 0, 0});
    const std::string records = record('I', {2, 2, 2}) + record('T', {1, 1, 0}) + once + again;
    const auto source = memory_source(records);
    const HeapProfile profile = heap::read_recording(*source, "run.leak");
    REQUIRE(profile.ips.size() == 2);
    CHECK(profile.frames.size() == 3);
    CHECK(profile.ips[1].frame_count == 0);
    for (const InstructionPointer& ip : profile.ips) CHECK(ip.first_frame + ip.frame_count <= profile.frames.size());
}
