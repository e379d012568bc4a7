#include "analysis/lines/internal/tables.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "analysis/lines/function_name.hpp"

namespace leakline::analysis {

namespace {

// A function longer than this is a mistake of the debug info: its table holds only the lines with values.
constexpr std::uint32_t kLongestFunction = 20'000;

// One spelling of a function's name in one file, and the lines seen of it.
struct Spelling {
    std::string file, function;  // normal path, enclosing qualified name
    std::string signature;       // the longest spelling seen
    bool has_parameters = false;
    std::uint32_t first = ~std::uint32_t{0}, last = 0;
};

struct Wanted {
    std::vector<Spelling> spellings;
    std::vector<std::uint32_t> spelling_of_frame;  // kNoSite: not of a wanted function
};

Wanted wanted_frames(const HeapProfile& profile, const TableRequest& request) {
    struct Name {
        std::string enclosing;
        bool wanted = false, has_parameters = false;
    };
    std::unordered_map<std::uint32_t, Name> names;
    std::unordered_map<std::uint32_t, std::string> files;
    std::map<std::pair<std::string, std::string>, std::uint32_t> index;  // file, spelling
    const std::string asked(enclosing_function(qualified_name(request.function)));

    Wanted result;
    result.spelling_of_frame.assign(profile.frames.size(), kNoSite);
    for (std::size_t i = 0; i < profile.frames.size(); ++i) {
        const Frame& frame = profile.frames[i];
        if (frame.line == 0 || frame.file.value == 0 || frame.function.value == 0) continue;
        const auto [name, fresh_name] = names.try_emplace(frame.function.value);
        const std::string& spelled = profile.string(frame.function);
        if (fresh_name) {
            name->second.enclosing = enclosing_function(qualified_name(spelled));
            name->second.wanted = names_function(name->second.enclosing, asked) || spelled == request.function;
            name->second.has_parameters = spelled.find('(') != spelled.npos;
        }
        if (!name->second.wanted) continue;
        const auto [file, fresh_file] = files.try_emplace(frame.file.value);
        if (fresh_file) file->second = normal_path(profile.string(frame.file));
        if (!request.file.empty() && file->second != request.file) continue;
        const auto [place, fresh] = index.try_emplace({file->second, spelled}, static_cast<std::uint32_t>(result.spellings.size()));
        if (fresh) result.spellings.push_back({file->second, name->second.enclosing, spelled, name->second.has_parameters});
        Spelling& spelling = result.spellings[place->second];
        spelling.first = std::min(spelling.first, frame.line);
        spelling.last = std::max(spelling.last, frame.line);
        result.spelling_of_frame[i] = place->second;
    }
    return result;
}

// Puts spellings of one function together: those whose lines overlap, and one without parameters (as inlined
// code has it) with the only one that has them. Returns the function's index for each spelling; functions
// gets the sums.
std::vector<std::uint32_t> functions_of(const std::vector<Spelling>& spellings, std::vector<Spelling>& functions) {
    std::vector<std::size_t> order(spellings.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const Spelling &l = spellings[a], &r = spellings[b];
        return std::tie(l.file, l.function, l.first, l.last) < std::tie(r.file, r.function, r.first, r.last);
    });
    std::map<std::pair<std::string, std::string>, std::set<std::string>> signatures;
    for (const Spelling& s : spellings)
        if (s.has_parameters && s.signature.find("::{lambda") == std::string::npos) signatures[{s.file, s.function}].insert(s.signature);

    std::vector<std::uint32_t> result(spellings.size());
    for (std::size_t i : order) {
        const Spelling& s = spellings[i];
        const bool one_function = signatures[{s.file, s.function}].size() <= 1;
        Spelling* last = functions.empty() ? nullptr : &functions.back();
        if (last != nullptr && last->file == s.file && last->function == s.function && (one_function || s.first <= last->last)) {
            last->last = std::max(last->last, s.last);
            last->first = std::min(last->first, s.first);
            if (s.signature.find("::{lambda") == std::string::npos && s.signature.size() > last->signature.size())
                last->signature = s.signature;
        } else {
            functions.push_back(s);
        }
        result[i] = static_cast<std::uint32_t>(functions.size() - 1);
    }
    return result;
}

struct LineSums {
    std::int64_t increment = 0;   // of traces through the line
    std::int64_t first_seen = 0;  // of traces whose topmost line in the function this is
    std::uint64_t allocations = 0;
};

LineTable make_table(const Spelling& function, const std::map<std::uint32_t, LineSums>& lines, double base_bytes) {
    LineTable table;
    table.file = function.file;
    table.function = function.signature;
    double usage = base_bytes;
    const bool whole = function.last - function.first < kLongestFunction;
    if (whole)
        for (std::uint32_t line = function.first; line <= function.last; ++line) table.rows.push_back({line, {}, {}});
    for (const auto& [line, sums] : lines) {
        usage += static_cast<double>(sums.first_seen);
        const LineCells cells{usage, static_cast<double>(sums.increment), sums.allocations};
        if (whole)
            table.rows[line - function.first].cells = cells;
        else
            table.rows.push_back({line, {}, cells});
    }
    return table;
}

}  // namespace

TraceGrowth& TraceGrowth::operator+=(const TraceGrowth& other) {
    bytes += other.bytes;
    blocks += other.blocks;
    allocations += other.allocations;
    allocated_bytes += other.allocated_bytes;
    return *this;
}

std::vector<LineTable> tables_of(const HeapProfile& profile, const TableRequest& request, std::span<const TraceGrowth> growth,
                                 double base_bytes) {
    const Wanted wanted = wanted_frames(profile, request);
    if (wanted.spellings.empty()) return {};
    std::vector<Spelling> functions;
    const std::vector<std::uint32_t> function_of = functions_of(wanted.spellings, functions);
    std::vector<std::map<std::uint32_t, LineSums>> lines(functions.size());

    // Only traces below a wanted frame are walked.
    const std::size_t trace_count = profile.traces.size();
    std::vector<bool> passes(trace_count);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> through;  // (function, line), each once a trace
    for (std::size_t t = 0; t < trace_count; ++t) {
        const TraceNode& own = profile.traces[t];
        const auto frames_of = [&](IpId id, auto&& visit) {
            if (id.value == 0 || id.value > profile.ips.size()) return;
            const InstructionPointer& ip = profile.ips[id.value - 1];
            const std::size_t end = std::min<std::size_t>(profile.frames.size(), std::size_t{ip.first_frame} + ip.frame_count);
            for (std::size_t i = ip.first_frame; i < end; ++i)
                if (wanted.spelling_of_frame[i] != kNoSite) visit(i);
        };
        bool here = own.parent.value != 0 && own.parent.value <= t && passes[own.parent.value - 1];
        frames_of(own.ip, [&](std::size_t) { here = true; });
        passes[t] = here;
        if (!here || (growth[t].bytes == 0 && growth[t].allocations == 0)) continue;

        through.clear();
        std::size_t depth = 0;
        for (TraceId node{static_cast<std::uint32_t>(t + 1)}; node.value != 0 && depth < kDeepestStack; ++depth) {
            const TraceNode& trace = profile.traces[node.value - 1];
            frames_of(trace.ip,
                      [&](std::size_t i) { through.emplace_back(function_of[wanted.spelling_of_frame[i]], profile.frames[i].line); });
            node = trace.parent.value < node.value ? trace.parent : TraceId{};
        }
        std::sort(through.begin(), through.end());
        through.erase(std::unique(through.begin(), through.end()), through.end());
        for (std::size_t i = 0; i < through.size(); ++i) {
            LineSums& sums = lines[through[i].first][through[i].second];
            sums.increment += growth[t].bytes;
            sums.allocations += growth[t].allocations;
            if (i == 0 || through[i].first != through[i - 1].first) sums.first_seen += growth[t].bytes;
        }
    }

    std::vector<LineTable> tables;
    for (std::size_t f = 0; f < functions.size(); ++f) {
        if (request.line != 0 && (request.line < functions[f].first || request.line > functions[f].last)) continue;
        tables.push_back(make_table(functions[f], lines[f], base_bytes));
    }
    return tables;
}

}  // namespace leakline::analysis
