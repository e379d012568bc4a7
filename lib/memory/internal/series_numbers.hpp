// Numbers as people and spreadsheets write them: decimal commas, groups of three, a unit directly after them. Which
// mark is the decimal one is decided for the whole file, never for one cell: "1.234" is ambiguous. Pure
// functions, safe from any thread.
#pragma once

#include <optional>
#include <string_view>

namespace leakline::memory {

enum class DecimalMark : unsigned char { undecided, point, comma };

// "1234.5", and with groups "1,234.5", "1 234.5" (no-break blanks too), "1'234.5", "1_234.5"; with a decimal comma
// "1234,5", "1.234,5", ... One kind of group mark per number, groups of exactly three digits, none after the decimal mark.
// undecided: numbers without a point or comma.
std::optional<double> parse_written_number(std::string_view text, DecimalMark mark);

// What a number shows about the decimal mark of its file.
enum class MarkEvidence : unsigned char {
    none,     // nothing: "1234", "1 234", or not a number
    point,    // "12.5", "0.125", "1,234.5", "1,234,567"
    comma,    // the same with the marks exchanged
    unclear,  // "1.234", "1,234"
};
MarkEvidence mark_evidence(std::string_view number);

// "12.5MiB", "1,2 GB", "1.2g" (as top prints it): the number, as it is written, and the unit, empty where there is none.
struct WrittenSize {
    std::string_view number, unit;
};
WrittenSize split_size(std::string_view text);

// Bytes in one: the units of parse_size, and those that top (k m g t) and others (kb mb gb) write in small letters.
std::optional<double> bytes_in_unit(std::string_view unit);

}  // namespace leakline::memory
