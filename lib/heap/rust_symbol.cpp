#include "heap/internal/rust_symbol.hpp"

#include <array>
#include <cstdint>
#include <optional>

#include "base/ascii.hpp"

namespace leakline::heap {

namespace {

// What a name may cost; real ones stay far below. Back references make a short one as long as it likes otherwise.
constexpr std::size_t kLongest = 4096, kDeepest = 100, kMaxSteps = 20'000;

// https://doc.rust-lang.org/rustc/symbol-mangling/v0.html
//
//   path  = C identifier | M impl-path type | X impl-path type path | Y type path | N namespace path identifier
//         | I path generic-arg* E | B offset
//   type  = a..z | path | A type const | S type | T type* E | R/Q lifetime? type | P/O type | F fn-sig | D bounds lifetime | B offset
//   const = type n? hex* _ | p | B offset
//   identifier = (s base62)? u? decimal _? bytes
class Demangler {
  public:
    explicit Demangler(std::string_view text) : text_(text) {}

    std::optional<std::string> run() {
        while (is_digit(peek())) ++at_;  // version of the encoding
        path();
        if (failed_ ||
            (at_ < text_.size() && peek() != 'C' && peek() != 'N' && peek() != 'I' && peek() != 'B' && peek() != '.' && peek() != '$'))
            return std::nullopt;
        return std::move(out_);  // a path behind it is that of the crate that instantiated it
    }

  private:
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    char next() {
        if (at_ < text_.size()) return text_[at_++];
        failed_ = true;
        return '\0';
    }
    bool take(char c) {
        if (peek() != c) return false;
        ++at_;
        return true;
    }
    void put(std::string_view text) {
        if (quiet_ > 0) return;
        if (out_.size() + text.size() > kLongest)
            failed_ = true;
        else
            out_ += text;
    }
    // Digits and letters up to "_"; "_" alone is 0, all others count from 1.
    std::uint64_t base62() {
        if (take('_')) return 0;
        std::uint64_t value = 0;
        for (char c = next(); !failed_ && c != '_'; c = next()) {
            const int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'z' ? c - 'a' + 10 : c >= 'A' && c <= 'Z' ? c - 'A' + 36 : -1;
            if (digit < 0) failed_ = true;  // a crate's has 64 bits, and may wrap
            value = value * 62 + static_cast<std::uint64_t>(digit);
        }
        return value + 1;
    }
    std::uint64_t disambiguator() { return take('s') ? base62() + 1 : 0; }
    std::string_view plain_identifier() {
        take('u');  // punycode: shown as it is
        if (!is_digit(peek())) failed_ = true;
        std::size_t size = 0;
        if (!take('0'))
            while (is_digit(peek()) && size < text_.size()) size = size * 10 + static_cast<std::size_t>(next() - '0');
        take('_');
        if (failed_ || size > text_.size() - at_) {
            failed_ = true;
            return {};
        }
        const std::string_view name = text_.substr(at_, size);
        at_ += size;
        return name;
    }
    template <class Parse>
    void back_reference(const Parse& parse) {
        const std::size_t from = at_ - 1;  // of the B
        const std::uint64_t offset = base62();
        if (failed_ || offset >= from) {
            failed_ = true;
            return;
        }
        const std::size_t back = at_;
        at_ = static_cast<std::size_t>(offset);
        if (quiet_ == 0) parse();
        at_ = back;
    }
    // Counts what is nested, and fails where that is too much.
    struct Nested {
        explicit Nested(Demangler& of) : parent(of) {
            if (++of.depth_ > kDeepest || ++of.steps_ > kMaxSteps) of.failed_ = true;
        }
        ~Nested() { --parent.depth_; }
        Demangler& parent;
    };

    void path() {
        const Nested nested(*this);
        if (failed_) return;
        switch (next()) {
            case 'C':
                disambiguator();
                put(plain_identifier());
                return;
            case 'M':
                impl_path();
                put("<"), type(), put(">");
                return;
            case 'X': impl_path(); [[fallthrough]];
            case 'Y': put("<"), type(), put(" as "), path(), put(">"); return;
            case 'N': nested_path(); return;
            case 'I':
                path();
                put("<");
                for (bool first = true; !failed_ && !take('E'); first = false) {
                    if (!first) put(", ");
                    generic_argument();
                }
                put(">");
                return;
            case 'B': back_reference([this] { path(); }); return;
            default: failed_ = true;
        }
    }
    void impl_path() {
        disambiguator();
        ++quiet_;
        path();
        --quiet_;
    }
    void nested_path() {
        const char space = next();
        path();
        const std::uint64_t number = disambiguator();
        const std::string_view name = plain_identifier();
        if (space >= 'A' && space <= 'Z') {
            put(space == 'C' ? "::{closure" : space == 'S' ? "::{shim" : "::{");
            if (!name.empty()) put(":"), put(name);
            put("#"), put(std::to_string(number)), put("}");
        } else if (!name.empty()) {
            put("::"), put(name);
        }
    }
    void lifetime() {
        const std::uint64_t index = base62();
        put(index == 0 ? "'_" : "'a");
    }
    void generic_argument() {
        if (take('L'))
            lifetime();
        else if (take('K'))
            constant();
        else
            type();
    }
    void type() {
        const Nested nested(*this);
        if (failed_) return;
        static constexpr std::array<std::string_view, 26> kBasic{"i8",    "bool", "char", "f64", "str",  "f32",  "",    "u8", "isize",
                                                                 "usize", "",     "i32",  "u32", "i128", "u128", "_",   "",   "",
                                                                 "i16",   "u16",  "()",   "...", "",     "i64",  "u64", "!"};
        const char tag = peek();
        if (tag >= 'a' && tag <= 'z') {
            ++at_;
            if (kBasic[static_cast<std::size_t>(tag - 'a')].empty()) failed_ = true;
            put(kBasic[static_cast<std::size_t>(tag - 'a')]);
            return;
        }
        switch (tag) {
            case 'A': ++at_, put("["), type(), put("; "), constant(), put("]"); return;
            case 'S': ++at_, put("["), type(), put("]"); return;
            case 'T': ++at_, put("("), list(), put(")"); return;
            case 'R':
            case 'Q':
                ++at_;
                put(tag == 'R' ? "&" : "&mut ");
                if (take('L')) base62();
                type();
                return;
            case 'P': ++at_, put("*const "), type(); return;
            case 'O': ++at_, put("*mut "), type(); return;
            case 'F': ++at_, function_type(); return;
            case 'D': ++at_, dynamic_type(); return;
            case 'B': ++at_, back_reference([this] { type(); }); return;
            default: path();
        }
    }
    void list() {
        for (bool first = true; !failed_ && !take('E'); first = false) {
            if (!first) put(", ");
            type();
        }
    }
    void function_type() {
        if (take('G')) base62();
        if (take('U')) put("unsafe ");
        if (take('K')) {
            put("extern \"");
            if (take('C'))
                put("C");
            else
                put(plain_identifier());
            put("\" ");
        }
        put("fn("), list(), put(")");
        if (take('u')) return;  // -> ()
        put(" -> ");
        type();
    }
    void dynamic_type() {
        put("dyn ");
        if (take('G')) base62();
        for (bool first = true; !failed_ && !take('E'); first = false) {
            if (!first) put(" + ");
            path();
            while (!failed_ && take('p')) put("<"), put(plain_identifier()), put(" = "), type(), put(">");
        }
        if (take('L'))
            base62();
        else
            failed_ = true;
    }
    void constant() {
        const Nested nested(*this);
        if (failed_) return;
        if (take('p')) return put("_");
        if (take('B')) return back_reference([this] { constant(); });
        ++quiet_;
        type();  // the value says enough
        --quiet_;
        if (take('n')) put("-");
        std::uint64_t value = 0;
        std::size_t digits = 0;
        for (char c = next(); !failed_ && c != '_'; c = next(), ++digits) {
            if (hex_digit(c) < 0 || is_upper(c)) failed_ = true;
            value = value << 4 | static_cast<std::uint64_t>(hex_digit(c));
        }
        put(digits <= 16 ? std::to_string(value) : "_");
    }

    std::string_view text_;
    std::size_t at_ = 0, depth_ = 0, steps_ = 0;
    int quiet_ = 0;  // > 0: parsed, not shown
    bool failed_ = false;
    std::string out_;
};

// "::h" and 16 digits: rustc's hash of what it instantiated.
bool ends_with_hash(std::string_view name) {
    constexpr std::size_t kSize = 3 + 16;
    if (name.size() <= kSize || !name.substr(name.size() - kSize).starts_with("::h")) return false;
    return name.substr(name.size() - 16).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// "$LT$" and its kin; an empty text for what is none.
std::string_view escaped(std::string_view code) {
    struct Row {
        std::string_view code, text;
    };
    static constexpr std::array kRows{Row{"SP", "@"},  Row{"BP", "*"},  Row{"RF", "&"},  Row{"LT", "<"},  Row{"GT", ">"},  Row{"LP", "("},
                                      Row{"RP", ")"},  Row{"C", ","},   Row{"u20", " "}, Row{"u27", "'"}, Row{"u2b", "+"}, Row{"u3b", ";"},
                                      Row{"u5b", "["}, Row{"u5d", "]"}, Row{"u7b", "{"}, Row{"u7d", "}"}, Row{"u7e", "~"}};
    for (const Row& row : kRows)
        if (row.code == code) return row.text;
    return {};
}

std::string legacy(std::string_view name) {
    std::string out;
    bool begins = true;  // a component
    for (std::size_t i = 0; i < name.size();) {
        const std::string_view rest = name.substr(i);
        if (begins && rest.starts_with("_$")) {
            begins = false;
            ++i;
            continue;
        }
        begins = false;
        if (rest[0] == '$') {
            const std::size_t end = rest.find('$', 1);
            const std::string_view text = end == std::string_view::npos ? std::string_view{} : escaped(rest.substr(1, end - 1));
            if (!text.empty()) {
                out += text;
                i += end + 1;
                continue;
            }
        }
        if (rest.starts_with("..") || rest.starts_with("::")) {
            out += "::";
            i += 2;
            begins = true;
            continue;
        }
        out += rest[0];
        ++i;
    }
    return out;
}

}  // namespace

std::string readable_rust_name(std::string_view name) {
    if (name.starts_with("_R")) {
        if (auto demangled = Demangler(name.substr(2)).run()) return std::move(*demangled);
        return std::string(name);
    }
    // What LLVM adds to a copy of a function stands behind the hash.
    const std::string_view plain = name.substr(0, name.find(".llvm."));
    if (!ends_with_hash(plain)) return std::string(name);
    return legacy(plain.substr(0, plain.size() - 19));
}

}  // namespace leakline::heap
