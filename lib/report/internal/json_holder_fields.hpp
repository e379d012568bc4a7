// The members of what holds memory as JSON.
#pragma once

#include "model/holders.hpp"
#include "report/internal/json_archive.hpp"
#include "report/internal/json_line_fields.hpp"

namespace leakline::report {

constexpr Words<Holder::Root> words(Holder::Root) { return {Holder::Root::native_code, root_name}; }

template <class A>
void fields(A& a, In<A, HolderPart>& part) {
    a("path", part.path);
    a("type", part.type);
    a("elements", part.elements);
    a("objects", part.objects);
    a("bytes", part.bytes);
}

template <class A>
void fields(A& a, In<A, BlockKind>& kind) {
    a.where_any("class", kind.name);
    a("block_bytes", kind.block_size);
    a("blocks", kind.blocks);
    a("bytes", kind.bytes);
}

template <class A>
void fields(A& a, In<A, Holder>& holder) {
    a("root", holder.root);
    a("path", holder.path);
    a("runtime", holder.runtime);
    a("type", holder.type);
    a("elements", holder.elements);
    a.where_any("element_type", holder.element_type);
    a.where_any("function", holder.function);
    a.where_any("thread", holder.thread);
    a.where_any("module", holder.module);
    a("file", holder.file);
    a("line", holder.line);
    a.where_any("member_file", holder.member_file);
    a.where_any("member_line", holder.member_line);
    a("bytes", holder.bytes);
    a("blocks", holder.blocks);
    a.where_any("shared_bytes", holder.shared_bytes);
    a.where_any("shared_with", holder.shared_with);
    a.where_any("growth_bytes", holder.growth_bytes);
    a.where_any("growth_elements", holder.growth_elements);
    a("parts", holder.parts);
    a.where_any("kinds", holder.kinds);
}

template <class A>
void fields(A& a, In<A, ObjectType>& type) {
    a("name", type.name);
    a("objects", type.objects);
    a("bytes", type.bytes);
    a("growth_objects", type.growth_objects);
    a("growth_error_objects", type.growth_error_objects);
    a("growth_bytes", type.growth_bytes);
    a("growth_error_bytes", type.growth_error_bytes);
}

template <class A>
void fields(A& a, In<A, HeldBy>& held_by) {
    a.where_any("holder", held_by.holder);
    a.where_any("lost_blocks", held_by.lost_blocks);
    a.where_any("lost_bytes", held_by.lost_bytes);
    a("lost_in_cycles", held_by.lost_in_cycles);
    a.where_any("lost_type", held_by.lost_type);
}

}  // namespace leakline::report
