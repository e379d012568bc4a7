#include "base/quantities.hpp"
#include "base/did_you_mean.hpp"
#include "base/strings.hpp"

#include <doctest/doctest.h>

using namespace leakline;
using namespace std::chrono_literals;

TEST_CASE("sizes are read in powers of 1024 and, with a plain B, of 1000") {
    CHECK(parse_size("0") == Bytes{0});
    CHECK(parse_size("4096") == Bytes{4096});
    CHECK(parse_size("64B") == Bytes{64});
    CHECK(parse_size("1.5 GiB") == Bytes{1610612736});
    CHECK(parse_size("512MiB") == Bytes{536870912});
    CHECK(parse_size("512M") == Bytes{536870912});
    CHECK(parse_size("512Mi") == Bytes{536870912});
    CHECK(parse_size("512MB") == Bytes{512000000});
    for (const char* bad : {"", "MiB", "-1", "1 MiBs", "1e3", "nan", "inf", "99999999999TiB", "1,5GiB", "0x10"}) {
        INFO(bad);
        CHECK_FALSE(parse_size(bad).has_value());
    }
}

TEST_CASE("durations are sums of parts with units, or a lone number of seconds") {
    CHECK(parse_duration("100ms") == 100ms);
    CHECK(parse_duration("1h30m") == 90min);
    CHECK(parse_duration("72h") == 72h);
    CHECK(parse_duration("2d") == 48h);
    CHECK(parse_duration("0.5") == 500ms);
    CHECK(parse_duration("1.5s") == 1500ms);
    for (const char* bad : {"", "h", "1h30", "-5s", "5 parsecs", "1e300h", "999999999999d"}) {
        INFO(bad);
        CHECK_FALSE(parse_duration(bad).has_value());
    }
}

TEST_CASE("rates and fractions say what they are per") {
    CHECK(parse_rate("500/s") == 500.0);
    CHECK(parse_rate("30/m") == 0.5);
    CHECK(parse_rate("7200/h") == 2.0);
    CHECK(parse_rate("12.5") == 12.5);
    CHECK_FALSE(parse_rate("5/day").has_value());
    CHECK(parse_fraction("80%") == 0.8);
    CHECK(parse_fraction("0.8") == 0.8);
    CHECK_FALSE(parse_fraction("80 percent").has_value());
}

TEST_CASE("a growth budget is per request or per time, kept per hour") {
    CHECK(parse_growth("64B/request")->bytes == 64);
    CHECK(parse_growth("64B/request")->per == Growth::Per::request);
    CHECK(parse_growth("1MiB/h")->bytes == 1048576);
    CHECK(parse_growth("1KiB/s")->bytes == 1024.0 * 3600);
    CHECK(parse_growth("24MiB/d")->bytes == 1048576);
    CHECK_FALSE(parse_growth("64B").has_value());
    CHECK_FALSE(parse_growth("64B/fortnight").has_value());
    CHECK_FALSE(parse_growth("/h").has_value());
}

TEST_CASE("bytes are written with three significant digits") {
    CHECK(format_bytes(0) == "0 B");
    CHECK(format_bytes(1023) == "1023 B");
    CHECK(format_bytes(1536) == "1.5 KiB");
    CHECK(format_bytes(80.0 * kMiB) == "80 MiB");
    CHECK(format_bytes(1023.9 * 1024) == "1 MiB");
    CHECK(format_bytes(-2.25 * kMiB) == "-2.25 MiB");
    CHECK(format_signed_bytes(512) == "+512 B");
    CHECK(format_bytes(0.5) == "0.5 B");
}

TEST_CASE("durations are written with their two largest units") {
    CHECK(format_duration(50ms) == "50ms");
    CHECK(format_duration(90s) == "1m30s");
    CHECK(format_duration(12h) == "12h");
    CHECK(format_duration(72h) == "3d");
    CHECK(format_duration(59970ms) == "1m");
    CHECK(format_duration(1500us) == "1.5ms");
    CHECK(format_duration(-5s) == "-5s");
    CHECK(format_duration(119min + 40s) == "2h");
}

TEST_CASE("did-you-mean offers a near word and keeps quiet about a far one") {
    const std::vector<std::string> formats = {"text", "json", "html", "markdown"};
    CHECK(did_you_mean("htlm", formats) == "html");
    CHECK(did_you_mean("jsn", formats) == "json");
    CHECK_FALSE(did_you_mean("pdf", formats).has_value());
    CHECK(did_you_mean_text("htlm", formats) == "; did you mean 'html'?");
}

TEST_CASE("a path's file name is what follows its last slash") {
    CHECK(file_name("/usr/bin/env") == "env");
    CHECK(file_name("env") == "env");
    CHECK(file_name("") == "");
    CHECK(file_name("/usr/bin/") == "/usr/bin/");
    CHECK(file_name("/") == "/");
}

TEST_CASE("split keeps empty pieces and printable shows control characters") {
    CHECK(split("a,,b", ',') == std::vector<std::string_view>{"a", "", "b"});
    CHECK(split("", ',') == std::vector<std::string_view>{""});
    CHECK(printable("a\x1b[31m\n") == "a\\x1b[31m\\x0a");
    CHECK(printable("\xc2\x9b"
                    "31m \xc2\xa0\xc3\xa9 \xc2") == "\\xc2\\x9b31m \xc2\xa0\xc3\xa9 \\xc2");  // U+009B is ESC [ too
    CHECK(printable("a\xe2\x80\xae"
                    "b\xe2\x81\xa6"
                    "c\xe2\x80\xa6") ==
          "a\\xe2\\x80\\xae"
          "b\\xe2\\x81\\xa6"
          "c\xe2\x80\xa6");
    CHECK(printable("\xff\x80 \xe2\x82\xac \xf0\x9f\x99\x88 \xc0\xaf \xed\xa0\x80") ==
          "\\xff\\x80 \xe2\x82\xac \xf0\x9f\x99\x88 \\xc0\\xaf \\xed\\xa0\\x80");
    CHECK(format_count(1234567) == "1,234,567");
    CHECK(format_count(999) == "999");
}
