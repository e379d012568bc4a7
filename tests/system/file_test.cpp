#include "base/error.hpp"
#include "system/byte_source.hpp"
#include "system/descriptor.hpp"
#include "system/output_file.hpp"
#include "system/peeked_source.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <random>

using namespace leakline;

namespace {

std::string zstd(const std::string& text) {
    std::string out(::ZSTD_compressBound(text.size()), '\0');
    out.resize(::ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
    return out;
}

std::string gzip(const std::string& text) {
    z_stream stream{};
    ::deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    std::string out(::deflateBound(&stream, text.size()) + 64, '\0');
    std::string in = text;
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    ::deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    ::deflateEnd(&stream);
    return out;
}

struct Read {
    std::string text;
    StreamEnd end;
};

Read read_all(std::string_view bytes, std::size_t step = 7) {
    const auto source = memory_source(bytes);
    Read result;
    std::string buffer(step, '\0');
    while (const std::size_t got = source->read(buffer)) result.text.append(buffer, 0, got);
    result.end = source->end();
    return result;
}

std::string sample_text() {
    std::string text;
    for (int i = 0; i < 20000; ++i) text += "line " + std::to_string(i * 7919 % 10007) + "\n";
    return text;
}

}  // namespace

TEST_CASE("a source yields the same bytes whatever they are compressed with") {
    const std::string text = sample_text();
    for (const std::string& bytes : {text, zstd(text), gzip(text), zstd(text.substr(0, 100)) + zstd(text.substr(100)),
                                     gzip(text.substr(0, 100)) + gzip(text.substr(100))}) {
        const Read result = read_all(bytes, 4093);
        CHECK(result.text == text);
        CHECK(result.end == StreamEnd::clean);
    }
    CHECK(read_all("").text.empty());
    CHECK(read_all("").end == StreamEnd::clean);
    CHECK(read_all("ab", 1).text == "ab");
}

TEST_CASE("a truncated or damaged frame yields what came before and says how it ended") {
    const std::string text = sample_text();
    for (std::string bytes : {zstd(text), gzip(text)}) {
        const Read cut = read_all(bytes.substr(0, bytes.size() - 5), 65536);
        CHECK(cut.end == StreamEnd::truncated);
        CHECK(text.starts_with(cut.text));
        bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x55);
        bytes[bytes.size() / 2 + 1] = static_cast<char>(bytes[bytes.size() / 2 + 1] ^ 0x55);
        CHECK(read_all(bytes, 65536).end != StreamEnd::open);
    }
}

TEST_CASE("of damaged zstd data every block before the damage is read, in calls of any size") {
    std::string text;
    std::mt19937_64 random(3);
    for (int i = 0; i < 100'000; ++i) text += std::to_string(random() % 5000) + "\n";
    const std::string bytes = zstd(text);
    for (const std::size_t buffer : {1000u, 65536u, 1u << 20}) {
        CAPTURE(buffer);
        std::string hole = bytes;
        hole.erase(bytes.size() * 9 / 10, 500);
        const Read read = read_all(hole, buffer);
        CHECK(read.end != StreamEnd::clean);  // a hole in the last block is no other than a cut
        CHECK(text.starts_with(read.text));
        constexpr std::size_t kBlock = 128 << 10;  // zstd's largest
        CHECK(read.text.size() + 2 * kBlock > text.size() * 9 / 10);
    }
}

TEST_CASE("all that a silent pipe has said is read before anybody waits for more") {
    const std::string text = sample_text().substr(0, 60'000);
    for (const std::string& bytes : {text, zstd(text), gzip(text)}) {
        for (const std::size_t step : {std::size_t{1}, std::size_t{1000}, text.size() * 2}) {
            int ends[2];
            REQUIRE(::pipe(ends) == 0);
            REQUIRE(::write(ends[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
            const auto source = descriptor_source(ends[0], [&] {
                pollfd readable{ends[0], POLLIN, 0};
                return ::poll(&readable, 1, 0) > 0;
            });
            std::string got, buffer(step, '\0');
            while (const std::size_t count = source->read(buffer)) got.append(buffer, 0, count);
            CHECK(got == text);
            CHECK(source->end() == StreamEnd::open);
            ::close(ends[1]);
        }
    }
}

TEST_CASE("an output file appears whole at commit and not at all without it") {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/report.json";
    {
        OutputFile file(path);
        file.write("half");
    }
    CHECK_FALSE(std::filesystem::exists(path));
    CHECK(std::filesystem::is_empty(directory.path()));
    OutputFile file(path);
    file.write("whole");
    CHECK_FALSE(std::filesystem::exists(path));
    file.commit();
    CHECK(read_file(path) == "whole");
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    const mode_t mask = ::umask(0);
    ::umask(mask);
    CHECK((status.st_mode & 0777) == (0666 & ~mask));
}

TEST_CASE("an unwritable place is an error at once, with its reason") {
    CHECK_THROWS_WITH_AS(OutputFile("/nonexistent/x.json"),
                         "/nonexistent/x.json: cannot write: no such file or directory\n  hint: create the directory first", Error);
    CHECK_THROWS_WITH_AS(OutputFile("/tmp"), "/tmp: is a directory\n  hint: name a file in it", Error);
    CHECK_THROWS_WITH_AS(open_source("/nonexistent"), "/nonexistent: cannot open: no such file or directory", Error);
    CHECK_THROWS_WITH_AS(open_source("/tmp"), "/tmp: is a directory\n  hint: name a file in it", Error);
}

TEST_CASE("a link that the kernel does not follow for us is neither written through nor replaced") {
    const TemporaryDirectory directory;
    const std::string circle = directory.path() + "/circle";
    std::filesystem::create_symlink("circle", circle);
    CHECK_THROWS_WITH(OutputFile{circle}, (circle + ": cannot write through this link: too many levels of symbolic links").c_str());
    CHECK(std::filesystem::is_symlink(circle));

    // Of another user in a folder of all users (fs.protected_symlinks): for root to set up.
    const auto protects = read_small_file("/proc/sys/fs/protected_symlinks");
    if (::geteuid() != 0 || !protects || !protects->starts_with("1")) {
        MESSAGE("not tried: no root, or fs.protected_symlinks is off");
        return;
    }
    const std::string folder = directory.path() + "/all", target = directory.path() + "/target", link = folder + "/link";
    std::ofstream(target) << "kept";
    ::chmod(target.c_str(), 0640);
    std::filesystem::create_directory(folder);
    ::chmod(folder.c_str(), 01777);
    std::filesystem::create_symlink(target, link);
    REQUIRE(::lchown(link.c_str(), 12345, 12345) == 0);
    CHECK_THROWS_WITH(OutputFile{link}, (link + ": cannot write through this link: permission denied").c_str());
    struct stat status {};
    REQUIRE(::stat(target.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0640);
    CHECK(read_file(target) == "kept");
}

TEST_CASE("a full disk is an error that leaves the old file as it was") {
    if (::access("/dev/full", W_OK) != 0) return;
    OutputFile file("/dev/full");
    CHECK_THROWS_WITH_AS(file.write("x"), "/dev/full: cannot write: no space left on device", Error);
}

TEST_CASE("peeked source: what was looked at is read again, but for what is skipped") {
    const std::string text = sample_text();
    PeekedSource source(memory_source(text));
    CHECK(source.peek(4) == text.substr(0, 4));
    CHECK(source.peek(30000).substr(0, 30000) == text.substr(0, 30000));
    source.skip(5);
    std::string all, buffer(777, '\0');
    while (const std::size_t got = source.read(buffer)) all.append(buffer, 0, got);
    CHECK(all == text.substr(5));
    CHECK(source.end() == StreamEnd::clean);
    PeekedSource brief(memory_source("ab"));
    CHECK(brief.peek(16) == "ab");
}

TEST_CASE("reading at a place gives what there is, up to the end of the file") {
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/file";
    std::ofstream(path) << "0123456789";
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char bytes[8] = {};
    CHECK(read_at(file.get(), bytes, 4, 3) == 4);
    CHECK(std::string(bytes) == "3456");
    CHECK(read_at(file.get(), bytes, sizeof bytes, 8) == 2);
    CHECK(read_at(file.get(), bytes, sizeof bytes, 20) == 0);
    CHECK(read_at(-1, bytes, sizeof bytes, 0) == 0);
}
