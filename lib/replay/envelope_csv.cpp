// Rows of a CSV file with a header (Kibana's Discover, Datadog, JMeter, spreadsheets), as JSON objects: a column "url.path" is the
// member path of the member url.
#include <algorithm>
#include <map>

#include "base/ascii.hpp"
#include "base/csv_cells.hpp"
#include "base/json_text.hpp"
#include "base/strings.hpp"
#include "replay/internal/envelope.hpp"
#include "replay/internal/log_recognition.hpp"

namespace leakline::replay {

namespace {

// A cell may have line ends in it; a quote that is never closed must not take in the whole log.
constexpr std::size_t kLongestRow = std::size_t{1} << 20;
constexpr std::size_t kDeepest = 8;  // of members

std::string content_of(std::string_view cell) {
    std::string text;
    for (std::size_t i = 0; i < cell.size(); ++i) {
        text += cell[i];
        if (cell[i] == '"' && i + 1 < cell.size() && cell[i + 1] == '"') ++i;
    }
    return text;
}

// A name of a column, not a value: a letter or "@" first, and nothing that texts have.
bool is_column_name(std::string_view cell) {
    constexpr std::size_t kLongest = 64;
    return !cell.empty() && cell.size() <= kLongest && (is_letter(cell[0]) || cell[0] == '@' || cell[0] == '_' || cell[0] == '#') &&
           cell.find_first_of("\"{}[]=:/?") == cell.npos;
}

// The order in which the members of nested objects stand together.
struct Node {
    std::map<std::string, Node> members;
    int column = -1;
};

class CsvUnwrapper : public Unwrapper {
  public:
    CsvUnwrapper(const std::vector<std::string_view>& names, char separator) : names_(names.begin(), names.end()), separator_(separator) {
        for (std::size_t i = 0; i < names.size(); ++i) {
            Node* node = &root_;
            const std::vector<std::string_view> parts = split(names[i], '.');
            if (parts.size() > kDeepest)
                node = &node->members[std::string(names[i])];
            else
                for (const std::string_view part : parts) node = &node->members[std::string(part)];
            node->column = static_cast<int>(i);
        }
    }

    std::optional<Enveloped> unwrap(std::string_view line) override {
        while (line.ends_with('\r')) line.remove_suffix(1);
        if (!row_.empty()) row_ += ' ';
        row_ += line;
        open_ = open_ != (std::count(line.begin(), line.end(), '"') % 2 != 0);
        if (open_ && row_.size() < kLongestRow) return Enveloped{};
        json_.clear();
        cells_ = cells_of(row_, separator_);
        const bool is_header = std::equal(cells_.begin(), cells_.end(), names_.begin(), names_.end());  // of each of several files
        if (!is_header) put(root_);
        row_.clear();
        open_ = false;
        return Enveloped{json_, false, 0, {}};
    }

  private:
    // An object; nothing of it where it would be empty.
    void put(const Node& node) {
        const std::size_t start = json_.size();
        bool any = false;
        json_ += '{';
        for (const auto& [name, member] : node.members) {
            const std::size_t before = json_.size();
            if (any) json_ += ',';
            append_json_string(json_, name);
            json_ += ':';
            const std::size_t value = json_.size();
            if (!member.members.empty())
                put(member);
            else
                put_cell(member.column);
            if (json_.size() == value)
                json_.resize(before);
            else
                any = true;
        }
        json_ += '}';
        if (!any) json_.resize(start);
    }
    void put_cell(int column) {
        if (column < 0 || static_cast<std::size_t>(column) >= cells_.size()) return;
        const std::string text = content_of(cells_[static_cast<std::size_t>(column)]);
        if (text.empty() || text == "-") return;
        append_json_string(json_, text);
    }

    Node root_;
    const std::vector<std::string> names_;
    const char separator_;
    std::string row_, json_;
    bool open_ = false;  // within quotes, at the end of row_
    std::vector<std::string_view> cells_;
};

}  // namespace

std::unique_ptr<Unwrapper> make_csv(std::string_view prefix) {
    const std::string_view header = first_line(prefix);
    const char separator = separator_of(header);
    const std::vector<std::string_view> names = cells_of(header, separator);
    if (names.size() < 2 || !std::all_of(names.begin(), names.end(), is_column_name)) return nullptr;
    return std::make_unique<CsvUnwrapper>(names, separator);
}

}  // namespace leakline::replay
