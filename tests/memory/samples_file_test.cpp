#include "memory/samples_file.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "system/byte_source.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using namespace leakline;
using namespace leakline::memory;
using namespace std::chrono_literals;

namespace {

const Subject kServer{"server", 7, 1000};

MemorySample sample_at(Nanoseconds at, std::optional<Bytes> rss, std::optional<Bytes> pss = std::nullopt) {
    MemorySample sample;
    sample.at = at;
    sample[Metric::rss] = rss;
    sample[Metric::pss] = pss;
    return sample;
}

std::string text_of(const SampleLayout& layout, const std::vector<MemorySample>& samples, const Subject& subject = kServer) {
    std::string out = samples_head(layout);
    for (const MemorySample& sample : samples) append_sample(out, layout, subject, sample);
    return out + samples_foot(layout);
}

void write_ticks(SampleFile& file, int from, int to) {
    for (int i = from; i < to; ++i) {
        file.add(kServer, sample_at(1000ms * i, 4096u * static_cast<unsigned>(i)));
        file.end_tick();
    }
}

}  // namespace

TEST_CASE("CSV has a column a metric, and an unreadable value is empty") {
    SampleLayout layout;
    layout.metrics = {Metric::rss, Metric::pss, Metric::threads};
    CHECK(text_of(layout, {sample_at(1700000000123ms, 4096, 2048), sample_at(1700000000223ms, 8192)}) ==
          "unix_ms,rss_bytes,pss_bytes,threads\n"
          "1700000000123,4096,2048,\n"
          "1700000000223,8192,,\n");
}

TEST_CASE("CSV of fast ticks keeps microseconds, so that no two rows share a time") {
    SampleLayout layout;
    layout.microseconds = true;
    CHECK(text_of(layout, {sample_at(1700000000123'400us, 1), sample_at(1700000000123'900us, 2)}) ==
          "unix_ms,rss_bytes\n1700000000123.400,1\n1700000000123.900,2\n");
}

TEST_CASE("mprof's records are MEM for the process and CHLD for the others, in MiB") {
    SampleLayout layout;
    layout.format = SampleFormat::mprof;
    layout.command = "server --port 1";
    layout.main_pid = 7;
    std::string out = samples_head(layout);
    append_sample(out, layout, kServer, sample_at(1700000000123'456us, 1048576 + 524288));
    append_sample(out, layout, {"worker", 8, 2}, sample_at(1700000000123'456us, 1));
    CHECK(out == "CMDLINE server --port 1\nMEM 1.500000 1700000000.1234\nCHLD 8 0.000001 1700000000.1234\n");
}

TEST_CASE("OpenMetrics has help, type and unit before the samples and EOF after them") {
    SampleLayout layout;
    layout.format = SampleFormat::openmetrics;
    CHECK(text_of(layout, {sample_at(1700000000123ms, 4096)}, {"a\"b\\c\n", 7, 1}) ==
          "# HELP process_resident_memory_bytes Resident set size.\n"
          "# TYPE process_resident_memory_bytes gauge\n"
          "# UNIT process_resident_memory_bytes bytes\n"
          "process_resident_memory_bytes{process=\"a\\\"b\\\\c\\n\",pid=\"7\"} 4096 1700000000.123\n"
          "# EOF\n");
}

TEST_CASE("a file holds whole rows after every tick, and an older one stays until begin") {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/s.csv";
    {
        SampleFile first(path);
        first.begin({});
        write_ticks(first, 1, 2);
        CHECK(read_file(path) == "unix_ms,rss_bytes\n1000,4096\n");
    }
    SampleFile second(path);
    CHECK(read_file(path) == "unix_ms,rss_bytes\n1000,4096\n");
    second.begin({});
    CHECK(read_file(path) == "unix_ms,rss_bytes\n");
    second.add(kServer, sample_at(5s, 1));
    CHECK(read_file(path) == "unix_ms,rss_bytes\n");
    second.end_tick();
    CHECK(read_file(path) == "unix_ms,rss_bytes\n5000,1\n");
}

TEST_CASE("a place that cannot be written is an error when the file is opened") {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/none/s.csv";
    try {
        SampleFile file(path);
        FAIL("opened");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::input);
        CHECK(std::string(error.what()) == path + ": cannot write: no such file or directory");
    }
}

TEST_CASE("a full disk leaves whole rows") {
    try {
        SampleFile file("/dev/full");
        file.begin({});
        FAIL("wrote to a full disk");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::system);
    }
}

TEST_CASE("rotation keeps the newest files, each with its own header") {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/s.csv";
    Retention retention;
    retention.mode = Retention::Mode::rotate;
    retention.max_bytes = 40;
    retention.kept = 2;
    SampleFile file(path, retention);
    file.begin({});
    write_ticks(file, 1, 11);
    CHECK(read_file(path) == "unix_ms,rss_bytes\n10000,40960\n");
    CHECK(read_file(path + ".1") == "unix_ms,rss_bytes\n8000,32768\n9000,36864\n");
    CHECK(read_file(path + ".2") == "unix_ms,rss_bytes\n6000,24576\n7000,28672\n");
    CHECK_FALSE(std::filesystem::exists(path + ".3"));
}

TEST_CASE("thinning keeps the whole run at ever coarser steps below the size") {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/s.csv";
    Retention retention;
    retention.mode = Retention::Mode::thin;
    retention.max_bytes = 80;
    SampleFile file(path, retention);
    file.begin({});
    write_ticks(file, 0, 40);
    CHECK(read_file(path) == "unix_ms,rss_bytes\n0,0\n8000,32768\n16000,65536\n24000,98304\n32000,131072\n");
    CHECK(file.ticks() == 40);
}
