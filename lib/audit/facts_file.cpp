#include "audit/internal/facts_file.hpp"

#include <cstring>
#include <type_traits>

namespace leakline::audit {

namespace {

constexpr std::string_view kMagic = "LKAU";
// Goes up whenever the facts or what they mean change.
constexpr std::uint64_t kVersion = 29;

class Writer {
  public:
    void operator()(const std::string& text) {
        number(text.size());
        out_ += text;
    }
    template <class T>
    void operator()(const T& value) {
        if constexpr (std::is_enum_v<T> || std::is_integral_v<T>)
            number(static_cast<std::uint64_t>(value));
        else
            fields(*this, const_cast<T&>(value));  // the same list of members reads and writes
    }
    template <class T>
    void operator()(const std::optional<T>& value) {
        number(value ? 1 : 0);
        if (value) (*this)(*value);
    }
    template <class A, class B>
    void operator()(const std::pair<A, B>& value) {
        (*this)(value.first);
        (*this)(value.second);
    }
    template <class T>
    void operator()(const std::vector<T>& values) {
        number(values.size());
        for (const T& value : values) (*this)(value);
    }
    void number(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
        out_ += static_cast<char>(value);
    }
    std::string take() { return std::move(out_); }

  private:
    std::string out_;
};

class Reader {
  public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    void operator()(std::string& text) {
        const std::uint64_t size = number();
        if (size > bytes_.size()) return fail();
        text = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
    }
    template <class T>
    void operator()(T& value) {
        if constexpr (std::is_same_v<T, bool>) {
            value = number() != 0;
        } else if constexpr (std::is_enum_v<T>) {
            const std::uint64_t read = number();
            if (read > kLargestEnum) return fail();
            value = static_cast<T>(read);
        } else if constexpr (std::is_integral_v<T>) {
            value = static_cast<T>(number());
        } else {
            fields(*this, value);
        }
    }
    template <class T>
    void operator()(std::optional<T>& value) {
        if (number() != 0) (*this)(value.emplace());
    }
    template <class A, class B>
    void operator()(std::pair<A, B>& value) {
        (*this)(value.first);
        (*this)(value.second);
    }
    template <class T>
    void operator()(std::vector<T>& values) {
        const std::uint64_t size = number();
        if (size > bytes_.size()) return fail();  // each takes a byte at least
        values.clear();
        for (std::uint64_t i = 0; i < size && good_; ++i) (*this)(values.emplace_back());
    }
    std::uint64_t number() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            if (bytes_.empty()) break;
            const auto byte = static_cast<unsigned char>(bytes_.front());
            bytes_.remove_prefix(1);
            value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80) return value;
        }
        fail();
        return 0;
    }
    void fail() {
        good_ = false;
        bytes_ = {};
    }
    std::string_view rest() const { return bytes_; }
    bool good() const { return good_ && bytes_.empty(); }

  private:
    static constexpr std::uint64_t kLargestEnum = 15;
    std::string_view bytes_;
    bool good_ = true;
};

template <class A, class... T>
void all(A& archive, T&... members) {
    (archive(members), ...);
}

template <class A>
void fields(A& a, Place& x) {
    all(a, x.file, x.line);
}
template <class A>
void fields(A& a, Access& x) {
    all(a, x.variable, x.depth);
}
template <class A>
void fields(A& a, Variable& x) {
    all(a, x.id, x.name, x.type, x.owner, x.at, x.storage, x.container, x.generic, x.indirect, x.fixed_elements, x.loop, x.holds,
        x.elements);
}
template <class A>
void fields(A& a, Operation& x) {
    all(a, x.kind, x.on, x.function, x.at, x.word, x.node, x.counter, x.loop, x.guards, x.key, x.key_values, x.few_keys, x.key_parameter,
        x.first_value, x.first_time);
}
template <class A>
void fields(A& a, Alias& x) {
    all(a, x.alias, x.of);
}
template <class A>
void fields(A& a, Flow& x) {
    all(a, x.to, x.from);
}
template <class A>
void fields(A& a, Function& x) {
    all(a, x.id, x.name, x.owner, x.type, x.at, x.kind, x.main, x.entry_reason, x.outside_override, x.local_file, x.blocks, x.serves,
        x.calls_parameter, x.wraps, x.starts_parameter, x.overrides);
}
template <class A>
void fields(A& a, Argument& x) {
    all(a, x.access, x.few_values, x.parameter);
}
template <class A>
void fields(A& a, Call& x) {
    all(a, x.kind, x.from, x.to, x.through, x.at, x.loop, x.guards, x.arguments, x.guessed, x.first_time);
}
template <class A>
void fields(A& a, Loop& x) {
    all(a, x.function, x.at, x.outer, x.endless, x.blocks, x.exits);
}
template <class A>
void fields(A& a, Class& x) {
    all(a, x.id, x.name, x.at, x.bases, x.node);
}
template <class A>
void fields(A& a, Creation& x) {
    all(a, x.type, x.function, x.at, x.loop);
}
template <class A>
void fields(A& a, Given& x) {
    all(a, x.function, x.type);
}
template <class A>
void fields(A& a, Reexport& x) {
    all(a, x.as, x.of);
}
template <class A>
void fields(A& a, Handle& x) {
    all(a, x.function, x.variable, x.acquire, x.release, x.at, x.counted, x.skipped);
}
template <class A>
void fields(A& a, Skip& x) {
    all(a, x.on, x.function, x.added, x.left, x.removed, x.thrown);
}
template <class A>
void fields(A& a, Bound& x) {
    all(a, x.at, x.text, x.valid);
}
template <class A>
void fields(A& a, Memo& x) {
    all(a, x.function, x.at, x.word, x.parameters, x.cleared);
}
template <class A>
void fields(A& a, UnitFacts& x) {
    all(a, x.names, x.variables, x.operations, x.aliases, x.flows, x.functions, x.calls, x.loops, x.classes, x.creations, x.given,
        x.reexports, x.handles, x.skips, x.bounds, x.memos, x.size_results, x.service_words, x.mentions, x.has_main, x.errors, x.lines);
}
template <class A>
void fields(A& a, StoredFacts& x) {
    all(a, x.files, x.facts);
}

// Loops are named by index: a wrong one would lead outside.
bool consistent(const UnitFacts& facts) {
    const std::size_t loops = facts.loops.size();
    for (std::size_t i = 0; i < loops; ++i)
        if (facts.loops[i].outer > i) return false;
    bool known = true;
    for_each_loop(facts, [&](std::uint32_t loop) { known = known && loop <= loops; });
    return known && !facts.names.empty() && facts.names.front().empty();
}

}  // namespace

std::uint64_t content_hash(std::string_view bytes) {
    std::uint64_t hash = 14695981039346656037ull ^ bytes.size();
    while (bytes.size() >= 8) {
        std::uint64_t step = 0;
        std::memcpy(&step, bytes.data(), 8);
        hash = (hash ^ step) * 1099511628211ull;
        hash ^= hash >> 32;
        bytes.remove_prefix(8);
    }
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    return hash;
}

std::string write_facts(const StoredFacts& stored) {
    Writer writer;
    writer.number(kVersion);
    writer(stored);
    const std::string body = writer.take();
    Writer head;
    head.number(content_hash(body));
    return std::string(kMagic) + head.take() + body;
}

std::optional<StoredFacts> read_facts(std::string_view bytes) {
    if (!bytes.starts_with(kMagic)) return std::nullopt;
    bytes.remove_prefix(kMagic.size());
    Reader reader(bytes);
    const std::uint64_t hash = reader.number();
    if (content_hash(reader.rest()) != hash || reader.number() != kVersion) return std::nullopt;
    StoredFacts stored;
    reader(stored);
    if (!reader.good() || !consistent(stored.facts)) return std::nullopt;
    return stored;
}

}  // namespace leakline::audit
