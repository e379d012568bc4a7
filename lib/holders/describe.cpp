#include "holders/internal/describe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "debuginfo/type_name.hpp"
#include "holders/internal/main_element.hpp"
#include "holders/internal/object_members.hpp"

namespace leakline::holders {

using debuginfo::Type;
using debuginfo::TypeId;

namespace {

constexpr int kMaxSteps = 24;          // steps from a root
constexpr double kLeastShare = 0.001;  // of all bytes; roots with less are left out
constexpr double kWorthAStep = 0.05;   // of what a group holds: less is not followed
constexpr double kEnoughToGoOn = 0.5;  // if the members together hold less, the group itself is named
constexpr double kWorthAPart = 0.1;    // of what a container holds
constexpr int kPartsDeep = 3;
constexpr std::size_t kMaxParts = 8, kMaxKinds = 4;
constexpr std::string_view kFirstWord = "+0x0";

class Description {
  public:
    Description(const Heap& heap, const Roots& roots, const std::vector<NamedRoot>& named, std::size_t most, const std::stop_token& stop)
        : heap_(heap), index_(heap.index), graph_(heap.graph), roots_(roots), named_(named), most_(most), stop_(stop), members_(heap) {}

    std::vector<Holder> run() {
        least_ = static_cast<Bytes>(static_cast<double>(index_.bytes()) * kLeastShare);
        std::vector<std::size_t> order;
        for (std::size_t root = 0; root < roots_.roots.size(); ++root)
            if (graph_.owned_bytes(root) > 0 && graph_.owned_bytes(root) >= least_) order.push_back(root);
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t a, std::size_t b) { return graph_.owned_bytes(a) > graph_.owned_bytes(b); });
        if (order.size() > most_) order.resize(most_);
        std::vector<std::uint32_t> domains(roots_.roots.size(), 0);
        for (const std::size_t root : order) domains[root] = members_.new_domain();
        for (BlockId block = 0; block < index_.size(); ++block)
            if (graph_.owner(block) != kNoRoot) members_.put(block, domains[graph_.owner(block)]);
        for (const std::size_t root : order)
            if (!stop_.stop_requested()) describe_root(root, domains[root]);
        std::stable_sort(holders_.begin(), holders_.end(), [](const Holder& a, const Holder& b) { return a.bytes > b.bytes; });
        return std::move(holders_);
    }

  private:
    void describe_root(std::size_t number, Domain domain) {
        const Root& root = roots_.roots[number];
        locals_ = named_[number].locals;
        Group group = named_[number].group;
        Holder holder = named_[number].holder;
        const Graph::Shared& shared = graph_.shared(number);
        if (shared.bytes > 0) {
            holder.shared_with = named_[shared.with].name();
            holder.shared_bytes = shared.bytes;
        }
        holder.bytes = graph_.owned_bytes(number);
        holder.blocks = graph_.owned_blocks(number);
        if (root.kind == Root::Kind::registers) {
            keep(std::move(holder), domain);
            return;
        }
        if (group.type == 0) group.type = type_of_words(root, heap_.names);
        descend(holder, group, domain, kMaxSteps);
    }

    static void set_declaration(Holder& holder, const debuginfo::Variable& variable) {
        holder.file = variable.declared.file;
        holder.line = variable.declared.line;
    }

    // Goes on to the members that hold most, until one is a container with several elements, or no member holds enough.
    void descend(const Holder& so_far, const Group& group, Domain domain, int steps) {
        const std::vector<Share> shares =
            steps == 0 || stop_.stop_requested() ? std::vector<Share>{} : members_.split(group, domain, ObjectMembers::Strangers::taken);
        Bytes followed = 0;
        const auto is_worth_it = [&](const Share& share) {
            return share.bytes >= least_ && static_cast<double>(share.bytes) >= kWorthAStep * static_cast<double>(so_far.bytes);
        };
        for (const Share& share : shares)
            if (is_worth_it(share)) followed += share.bytes;
        // Members without names are followed only while one keeps nearly all.
        if (group.type == 0 && !shares.empty() &&
            static_cast<double>(shares.front().bytes) < kNearlyAll * static_cast<double>(so_far.bytes))
            followed = 0;
        if (static_cast<double>(followed) < kEnoughToGoOn * static_cast<double>(so_far.bytes)) {
            for (const Share& share : shares) put_back(share.domain, domain);
            keep(so_far, domain);
            return;
        }
        for (const Share& share : shares) {
            if (!is_worth_it(share)) continue;
            Holder next = so_far;
            next.path = joined(so_far.path, share.path);
            next.type = share.type_name;
            if (!share.path.empty()) {
                auto [file, line] = heap_.names.declaration_at(share.entry);
                // A structure without a name is declared where its variable is.
                const bool elsewhere = line != next.line || file != next.file;
                next.member_file = elsewhere ? std::move(file) : std::string{};
                next.member_line = elsewhere ? line : 0;
            }
            next.elements.reset();
            // A block whose form is not known is a part of what it leads to: the buffer of a container, for one.
            const bool whole = group.type == 0 && share.path.empty();
            next.bytes = whole ? so_far.bytes : share.bytes;
            next.blocks = whole ? so_far.blocks : share.blocks;
            next.shared_bytes = whole ? so_far.shared_bytes : std::min(so_far.shared_bytes, share.shared_bytes);
            // The variables of a frame are no parts of a whole.
            if (share.sibling_bytes > next.shared_bytes && !share.sibling.empty() && (locals_.empty() || !so_far.path.empty())) {
                next.shared_bytes = share.sibling_bytes;
                next.shared_with = joined(so_far.path, share.sibling);
            }
            if (next.shared_bytes == 0) next.shared_with.clear();
            for (const debuginfo::Variable& local : locals_)
                if (next.path == local.name || next.path.starts_with(local.name + ".")) set_declaration(next, local);
            const bool several = share.elements > 1 && (share.kind != FormMember::Kind::pointer || share.linked);
            const auto main = several && share.kind != FormMember::Kind::text ? main_element(heap_, share) : std::nullopt;
            if (main) {
                next.elements.reset();
                next.path = joined(next.path, step_to(*main, share, group));
                next.type = heap_.names.type(main->group.type).name;
                descend(next, main->group, share.domain, steps - 1);
                continue;
            }
            if (share.kind == FormMember::Kind::container || share.kind == FormMember::Kind::text || several)
                next.elements = share.elements;
            if (several || share.kind == FormMember::Kind::text || share.groups.empty()) {
                if (share.kind == FormMember::Kind::words && share.type == 0) next.type.clear();
                add_parts(next, share, "", kPartsDeep);
                keep(std::move(next), share.domain);
                continue;
            }
            // One object behind a pointer, or the only element of a container.
            next.path += share.kind == FormMember::Kind::container ? "[]" : next.path.empty() || next.path.ends_with("->") ? "" : "->";
            if (const std::string name = heap_.names.type(share.groups.front().type).name; !name.empty()) next.type = name;
            descend(next, share.groups.front(), share.domain, steps - 1);
        }
    }

    // Of a block whose form is not known the word that leads there.
    std::string step_to(const MainElement& main, const Share& share, const Group& group) const {
        const bool word = share.kind == FormMember::Kind::words && share.path.empty() && group.objects.size() == 1;
        if (!word) return main.place ? fmt::format("[{}]", *main.place) : "[]";
        const std::uint64_t begin = group.objects.front();
        const BlockId block = index_.find(main.group.objects.front());
        std::optional<std::uint64_t> offset;
        heap_.image.for_each_word(begin, begin + group.size, [&](std::uint64_t address, std::uint64_t value) {
            if (!offset && index_.find(value) == block) offset = address - begin;
        });
        if (!offset) return "[]";
        return fmt::format("+{:#x}->", *offset);
    }

    void put_back(Domain from, Domain to) {
        for (BlockId block = 0; block < index_.size(); ++block)
            if (members_.domain_of(block) == from) members_.put(block, to);
    }

    static std::string joined(const std::string& path, const std::string& member) {
        if (member.empty()) return path;
        // p[0] is the first word of what p points to, whatever the type.
        if (!path.empty() && (member == kFirstWord || member == std::string(kFirstWord) + "->")) {
            const std::size_t arrow = path.ends_with("->") ? 2 : 0;
            return path.substr(0, path.size() - arrow) + "[0]" + member.substr(kFirstWord.size());
        }
        const bool glued = path.empty() || path.ends_with("->") || member.starts_with('[') || member.starts_with('+');
        return path + (glued ? "" : ".") + member;
    }

    // What the elements of a container hold most of it with.
    void add_parts(Holder& holder, const Share& share, const std::string& path, int levels) {
        if (levels == 0 || share.groups.empty() || holder.parts.size() >= kMaxParts) return;
        const Group& group = share.groups.front();
        if (group.type == 0) return;
        const std::string inner = path + (share.kind == FormMember::Kind::pointer && !share.linked ? "->" : "[]");
        // The links between the objects themselves: what they lead to has been counted.
        const std::string_view links = share.linked ? std::string_view(share.type_name) : std::string_view{};
        for (const Share& part : members_.split(group, share.domain, ObjectMembers::Strangers::left, links)) {
            if (share.linked && part.type_name == share.type_name) continue;
            if (static_cast<double>(part.bytes) < kWorthAPart * static_cast<double>(holder.bytes) || holder.parts.size() >= kMaxParts)
                continue;
            HolderPart named;
            named.path = joined(inner, part.path);
            named.type = part.type_name;
            if (part.kind == FormMember::Kind::container || part.kind == FormMember::Kind::text || part.linked)
                named.elements = part.elements;
            named.objects = part.members;
            named.bytes = part.bytes;
            if (part.kind != FormMember::Kind::words) holder.parts.push_back(named);
            add_parts(holder, part, named.path, levels - 1);
        }
    }

    void keep(Holder holder, Domain domain) {
        if (holder.path.ends_with("->")) holder.path.resize(holder.path.size() - 2);
        if (holder.type.empty() && !holder.elements) {
            std::vector<BlockId> blocks;
            for (BlockId block = 0; block < index_.size(); ++block)
                if (members_.domain_of(block) == domain) blocks.push_back(block);
            holder.kinds = kinds_of(blocks);
        }
        holders_.push_back(std::move(holder));
    }

    // By the class of their virtual table, else by size; largest first.
    std::vector<BlockKind> kinds_of(const std::vector<BlockId>& blocks) {
        std::map<std::pair<std::uint64_t, Bytes>, BlockKind> kinds;  // by table or size
        for (const BlockId block : blocks) {
            const std::string& name = heap_.forms.class_of(index_[block].address).name;
            const std::uint64_t table = name.empty() ? 0 : heap_.image.word(index_[block].address).value_or(0);
            BlockKind& kind = kinds[{table, name.empty() ? index_[block].size : 0}];
            if (kind.blocks == 0) kind.name = debuginfo::short_type_name(name);
            kind.block_size = index_[block].size;
            ++kind.blocks;
            kind.bytes += index_[block].size;
        }
        std::vector<BlockKind> sorted;
        for (auto& [key, kind] : kinds) sorted.push_back(std::move(kind));
        std::stable_sort(sorted.begin(), sorted.end(), [](const BlockKind& a, const BlockKind& b) { return a.bytes > b.bytes; });
        if (sorted.size() > kMaxKinds) sorted.resize(kMaxKinds);
        return sorted;
    }

    const Heap& heap_;
    const BlockIndex& index_;
    const Graph& graph_;
    const Roots& roots_;
    const std::vector<NamedRoot>& named_;
    const std::size_t most_;
    const std::stop_token& stop_;
    ObjectMembers members_;
    Bytes least_ = 0;
    std::vector<debuginfo::Variable> locals_;  // of the frame that is being described
    std::vector<Holder> holders_;
};

}  // namespace

std::vector<Holder> describe_roots(const Heap& heap, const Roots& roots, const std::vector<NamedRoot>& named, std::size_t most,
                                   const std::stop_token& stop) {
    return Description(heap, roots, named, most, stop).run();
}

}  // namespace leakline::holders
