// Where the objects of a type have what can lead to blocks: containers and smart pointers, plain pointers, words of unknown meaning.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "debuginfo/debug_info.hpp"
#include "debuginfo/types.hpp"
#include "holders/internal/blocks.hpp"
#include "holders/internal/containers.hpp"
#include "holders/internal/memory_image.hpp"

namespace leakline::holders {

// Objects of one type: a variable, or all elements of a container.
struct Group {
    debuginfo::TypeId type = 0;  // 0: not known
    std::uint64_t size = 0;      // of each object, where the type is not known
    std::vector<std::uint64_t> objects;
};

// A member as a user names it: all elements of an array are one.
struct FormMember {
    enum class Kind { container, text, pointer, words };
    std::string path;  // "cache.records_", "+0x18"; empty for an object that is itself the container
    debuginfo::TypeId type = 0;
    std::string type_name;
    Kind kind = Kind::words;
    debuginfo::EntryId entry;  // of the last member that path names
};

// A place within objects of a type.
struct Place {
    std::uint64_t offset = 0;
    debuginfo::TypeId type = 0;  // container, smart pointer, pointer; 0 for words of unknown meaning
    std::size_t member = 0;      // of ObjectForm::members
};

struct ObjectForm {
    std::vector<FormMember> members;
    std::vector<Place> owners;    // containers and smart pointers
    std::vector<Place> pointers;  // plain ones
    std::vector<Place> words;
    bool all_words = false;  // too many to list: each aligned word is one of the first member

    bool empty() const { return members.empty(); }
};

// The objects that a plain pointer leads to.
struct Pointed {
    enum class Kind {
        unknown,   // a block whose form is not known
        derived,   // the object's virtual table says what it is
        object,    // one
        array,     // that fills its block
        numbers,   // or characters
        pointers,  // an array of pointers, some of which can be null
    };
    Kind kind = Kind::unknown;
    debuginfo::TypeId type = 0;  // of each object
    std::uint64_t first = 0;     // address
    std::uint64_t stride = 0;
    std::uint64_t count = 1;
};

class ObjectForms {
  public:
    ObjectForms(const MemoryImage& image, const BlockIndex& index, debuginfo::DebugInfo& names)
        : image_(image), index_(index), names_(names), containers_(image, index, names) {}

    // Valid for the life of this object.
    const ObjectForm& form_of(debuginfo::TypeId type, std::uint64_t size);
    Containers& containers() { return containers_; }
    std::uint64_t size_of(debuginfo::TypeId type) { return names_.type(type).size; }
    // The class of the object at an address, by its virtual table.
    struct Class {
        std::string name;            // as it is demangled; empty: the object has no table
        debuginfo::TypeId type = 0;  // 0: not known
        // For the control block of shared pointers (_Sp_counted_ptr_inplace, _Sp_counted_ptr): their object, and where in the block it, or
        // a pointer to it, is.
        debuginfo::TypeId shared = 0;
        std::string shared_name;
        std::uint64_t shared_at = 0;
        bool shared_by_pointer = false;
    };
    const Class& class_of(std::uint64_t object);
    // Its type; 0 if it is not known.
    debuginfo::TypeId dynamic_type(std::uint64_t object) { return class_of(object).type; }
    // What an element of a container or smart pointer is, and where: the object behind a pointer to its base class, or within the control
    // block of make_shared.
    struct Element {
        debuginfo::TypeId type = 0;
        std::uint64_t address = 0;
    };
    Element element_of(debuginfo::TypeId container, std::uint64_t object);
    // pointer: a plain one, or 0. object: its value, within the block.
    Pointed pointed(debuginfo::TypeId pointer, std::uint64_t object, const Block& block);
    // Where objects of a type point to others of it: lists, trees, chains of a hash table.
    const std::vector<std::uint64_t>& links_of(debuginfo::TypeId type);

  private:
    // What the places belong to: the path to them, and the last member that it names.
    struct Named {
        std::string path;
        debuginfo::EntryId entry = {};
    };
    void add_places(ObjectForm& form, debuginfo::TypeId type, std::uint64_t offset, const Named& named, int depth);
    void add_place(ObjectForm& form, std::uint64_t offset, debuginfo::TypeId type, FormMember::Kind kind, const Named& named);
    void add_words(ObjectForm& form, std::uint64_t begin, std::uint64_t end, const Named& named);
    std::string name_of(debuginfo::TypeId type);
    void find_shared(Class& found);

    const MemoryImage& image_;
    const BlockIndex& index_;
    debuginfo::DebugInfo& names_;
    Containers containers_;
    using Key = std::pair<debuginfo::TypeId, std::uint64_t>;  // type, or 0 and a size
    struct HashKey {
        std::size_t operator()(const Key& key) const { return std::hash<std::uint64_t>()(key.first ^ (key.second << 32)); }
    };
    std::unordered_map<Key, ObjectForm, HashKey> forms_;
    std::unordered_map<debuginfo::TypeId, std::vector<std::uint64_t>> links_;
    std::unordered_map<std::uint64_t, Class> classes_;  // by the word that an object begins with
};

}  // namespace leakline::holders
