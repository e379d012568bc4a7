#include "base/time_text.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace leakline;
using namespace std::chrono_literals;

TEST_CASE("timestamps are read exactly, and other text is refused with the reason") {
    const auto at = [](const ParsedTime& time) { return time.at ? time.at->count() : -1; };
    CHECK(at(parse_common_time("10/Oct/2000:13:55:36 -0700")) == 971211336'000000000);
    CHECK(at(parse_common_time("29/Feb/2024:00:00:00 +0000")) == 1709164800'000000000);
    CHECK(parse_common_time("31/Feb/2024:10:00:00 +0000").reason == "bad timestamp '31/Feb/2024:10:00:00 +0000': February has 29 days");
    CHECK(parse_common_time("10/Okt/2000:13:55:36 -0700").reason == "bad timestamp '10/Okt/2000:13:55:36 -0700': no such month");
    CHECK(parse_common_time("").reason == "bad timestamp '': expected DD/Mon/YYYY:HH:MM:SS +ZZZZ");
    CHECK(at(parse_iso_time("2016-04-15T20:17:00.310Z")) == 1460751420'310000000);
    CHECK(at(parse_iso_time("2016-04-15 22:17:00,310999999999+02:00")) == 1460751420'310999999);
    CHECK(parse_iso_time("2016-04-15T25:00:00Z").reason == "bad timestamp '2016-04-15T25:00:00Z': not a time of day");
    CHECK_FALSE(parse_iso_time("2016-04-15T20:17").at);
    CHECK(at(parse_unix_time("1700000000.123")) == 1700000000'123000000);
    CHECK(at(parse_unix_time("1700000000")) == 1700000000'000000000);
    CHECK(at(parse_unix_time("1700000000123")) == 1700000000'123000000);
    CHECK(at(parse_unix_time("1700000000123456")) == 1700000000'123456000);
    CHECK(at(parse_unix_time("1700000000123456789")) == 1700000000'123456789);
    CHECK_FALSE(parse_unix_time("99999999999.5").at);  // past 64 bits of nanoseconds
    CHECK(at(parse_unix_time("1700000000123.456")) == 1700000000'123456000);
    CHECK_FALSE(parse_unix_time("17x").at);
    CHECK(parse_decimal_seconds("0.012") == 12ms);
    CHECK_FALSE(parse_decimal_seconds("-1"));
}

TEST_CASE("times of tables are read in many forms, and a date that does not exist is refused") {
    CHECK(*parse_table_time("1970-01-02") == 86400);
    CHECK(*parse_table_time("2024-06-07T12:30:00.5Z") == 1717763400.5);
    CHECK(*parse_table_time("2024-06-07T14:30:00+0200") == 1717763400);
    CHECK(*parse_table_time("2024-06-07 07:30:00-05") == 1717763400);
    for (const char* text : {"2023-02-29", "2024-13-01", "2024-06-07T25:00:00", "2024-06-07T12:61:00", "20240607", "x",
                             "2024-06-07T12:30:00+", "2024-06-07T12:30:00Zjunk"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_table_time(text));
    }
    CHECK(*parse_clock_time("12:00:01 AM") == 1);
    CHECK(*parse_clock_time("12:00:01 PM") == 43201);
    CHECK_FALSE(parse_clock_time("13:00:01 PM"));
    CHECK(*parse_date_words("ven. 07 juin 2024 12:30:00 CEST") == 1717763400);
    CHECK(*parse_date_words("Fr 7. Jun 12:30:00 CEST 2024") == 1717763400);
    CHECK(*parse_date_words("Friday, June 7, 2024 12:30:00 PM") == 1717763400);
    CHECK_FALSE(parse_date_words("Fri Jun  7 12:30:00 UTC 2024 194030"));  // a value behind it
    CHECK_FALSE(parse_date_words("Fri Jun  7 12:30:00 UTC 2024 1940"));
    CHECK_FALSE(parse_date_words("GET /index.html 12:30:00 2024 Jun 7 8"));
    CHECK(*parse_epoch("1717763400000") == 1717763400);
    CHECK_FALSE(parse_epoch("171776340"));
    CHECK(*parse_slash_date("6/7/24, 12:30:00 PM", DateOrder::month_first) == 1717763400);
    CHECK(*parse_slash_date("07-06-2024 12:30", DateOrder::day_first) == 1717763400);
    CHECK_FALSE(parse_slash_date("13/13/2024", DateOrder::month_first));
    CHECK(*parse_compact_date("20240607123000") == 1717763400);
    CHECK_FALSE(parse_compact_date("20240631123000"));
    CHECK(*parse_table_time("2024-06-07 24:00") == *parse_table_time("2024-06-08"));
}

TEST_CASE("a time that is written is read back") {
    CHECK(format_utc_time(1717763400s) == "2024-06-07T12:30:00Z");
    CHECK(format_utc_date(1717763400s) == "2024-06-07");
    CHECK(format_mail_date(1717763400s) == "Fri, 07 Jun 2024 12:30:00 +0000");
    CHECK(format_utc_time(-1s) == "1969-12-31T23:59:59Z");
    std::mt19937_64 random(5);
    for (int i = 0; i < 1000; ++i) {
        const std::chrono::seconds wall(static_cast<std::int64_t>(random() % 8'000'000'000));
        CHECK(*parse_iso_time(format_utc_time(wall)).at == wall);
        CHECK(*parse_table_time(format_utc_time(wall)) == static_cast<double>(wall.count()));
        CHECK(*parse_date_words(format_mail_date(wall)) == static_cast<double>(wall.count()));
    }
}

TEST_CASE("times of web frameworks are read and found in a line") {
    constexpr std::chrono::seconds kAt(1696938936);  // 2023-10-10T11:55:36Z
    for (const char* text : {"2023/10/10 - 11:55:36", "2023/10/10 11:55:36", "231010 11:55:36", "Tue Oct 10 11:55:36 2023",
                             "Tue, 10 Oct 2023 11:55:36 GMT", "10/Oct/2023:13:55:36 +0200", "2023-10-10 11:55:36 UTC"}) {
        CAPTURE(text);
        CHECK(parse_any_time(text).at == kAt);
        CHECK(find_time("[7] " + std::string(text) + " INFO x") == text);
        CHECK(find_time("[" + std::string(text) + "]") == text);
    }
    CHECK(find_time("I, [2023-10-10T11:55:36.250000 #1234]") == "2023-10-10T11:55:36.250000");
    CHECK(find_time("2023-10-10 11:55:36,123 +02:00 x") == "2023-10-10 11:55:36,123 +02:00");
    CHECK(find_time("12023-10-10 11:55:36").empty());
    CHECK(find_time("2023-02-31 11:55:36 and 1696938936").empty());
    CHECK(parse_slash_time("2023/13/10 11:55:36").reason == "bad timestamp '2023/13/10 11:55:36': no such month");
}

TEST_CASE("times without a fraction are in whole seconds, whatever else is in their date") {
    for (const char* text : {"2023-10-10T11:55:36Z", "10/Oct/2023:13:55:36 +0200", "Tue, 10 Oct 2023 11:55:36 GMT", "Oct 10 11:55:36",
                             "Oct 10, 2023 @ 11:55:36", "1696938936"}) {
        CAPTURE(text);
        CHECK(is_in_whole_seconds(text));
    }
    for (const char* text :
         {"2023-10-10 11:55:36,250", "2023/10/10 11:55:36.250", "Oct 10, 2023 @ 11:55:36.250", "1696938936.5", "1696938936250"}) {
        CAPTURE(text);
        CHECK_FALSE(is_in_whole_seconds(text));
    }
}

TEST_CASE("syslog's times get the last year in which they are not in the future") {
    const Nanoseconds latest = *parse_iso_time("2024-03-01T12:00:00Z").at;
    CHECK(parse_syslog_time("Mar  1 11:59:59", latest).at == *parse_iso_time("2024-03-01T11:59:59Z").at);
    CHECK(parse_syslog_time("Mar  1 12:00:01.5", latest).at == *parse_iso_time("2023-03-01T12:00:01.5Z").at);
    CHECK(parse_syslog_time("Feb 29 00:00:00", *parse_iso_time("2023-06-01T00:00:00Z").at).at ==
          *parse_iso_time("2020-02-29T00:00:00Z").at);
    CHECK_FALSE(parse_syslog_time("Feb 30 00:00:00", latest).at);
    CHECK_FALSE(parse_syslog_time("Foo  1 00:00:00", latest).at);
}
