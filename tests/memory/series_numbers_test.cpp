#include "memory/internal/series_numbers.hpp"
#include "base/quantities.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

using namespace leakline;
using namespace leakline::memory;

TEST_CASE("a written number has the value that its decimal mark gives it") {
    const struct {
        const char* text;
        double point, comma;  // NaN: no number
    } table[] = {
        {"1234", 1234, 1234},
        {"-12", -12, -12},
        {"+12", 12, 12},
        {"1.5", 1.5, NAN},
        {"1,5", NAN, 1.5},
        {"1.234", 1.234, 1234},
        {"1,234", 1234, 1.234},
        {"0.125", .125, NAN},
        {"0,125", NAN, .125},
        {"1,234.5", 1234.5, NAN},
        {"1.234,5", NAN, 1234.5},
        {"1,234,567", 1234567, NAN},
        {"1.234.567", NAN, 1234567},
        {"-1.234,5", NAN, -1234.5},
        {"1 234 567", 1234567, 1234567},
        {"1'234.5", 1234.5, NAN},
        {"1_234,5", NAN, 1234.5},
        {"1\xE2\x80\x89"
         "234",
         1234, 1234},
        {"1e3", 1000, 1000},
        {"1,5e3", NAN, 1500},
        {".5", .5, NAN},
        {",5", NAN, .5},
        {"5.", 5, NAN},
        {"1,23,456", NAN, NAN},
        {"1,2345", NAN, 1.2345},
        {"12,34.5", NAN, NAN},
        {"1.234 567", NAN, NAN},
        {"1 234.567,8", NAN, NAN},
        {"", NAN, NAN},
        {".", NAN, NAN},
        {",", NAN, NAN},
        {"-", NAN, NAN},
        {"1,5,0", NAN, NAN},
        {"1234,567", NAN, 1234.567},
        {"x", NAN, NAN},
        {"1_000_", NAN, NAN},
        {"--1", NAN, NAN},
        {"1,234,", NAN, NAN},
    };
    for (const auto& row : table) {
        CAPTURE(row.text);
        const auto point = parse_written_number(row.text, DecimalMark::point);
        const auto comma = parse_written_number(row.text, DecimalMark::comma);
        CHECK(point.has_value() == !std::isnan(row.point));
        CHECK(comma.has_value() == !std::isnan(row.comma));
        if (point) CHECK(*point == row.point);
        if (comma) CHECK(*comma == row.comma);
        const bool marked = std::string(row.text).find_first_of(".,") != std::string::npos;
        const MarkEvidence expected = !marked          ? MarkEvidence::none
                                      : point && comma ? MarkEvidence::unclear
                                      : point          ? MarkEvidence::point
                                      : comma          ? MarkEvidence::comma
                                                       : MarkEvidence::none;
        CHECK(mark_evidence(row.text) == expected);
        CHECK(parse_written_number(row.text, DecimalMark::undecided).has_value() == (!marked && point.has_value()));
    }
}

TEST_CASE("a size is split into its number, as written, and its unit") {
    const auto parts = [](const char* text) {
        const WrittenSize size = split_size(text);
        return std::string(size.number) + "|" + std::string(size.unit);
    };
    CHECK(parts("12.5MiB") == "12.5|MiB");
    CHECK(parts(" 1.234,5 KiB ") == "1.234,5|KiB");
    CHECK(parts("1.2g") == "1.2|g");
    CHECK(parts("4096") == "4096|");
    CHECK(parts("3e6") == "3e6|");
    CHECK(parts("nan") == "nan|");
    CHECK(parts("") == "|");
    CHECK(*bytes_in_unit("g") == 1024 * kMiB);
    CHECK(*bytes_in_unit("kB") == 1000);
    CHECK(*bytes_in_unit("kb") == 1024);
    CHECK(*bytes_in_unit("Mi") == kMiB);
    for (const char* unit : {"", "parsecs", "%", "5", " ", "e5"}) CHECK_FALSE(bytes_in_unit(unit));
}
