// In place of the reader where clang-c/Index.h was not there when this was built.
#include "audit/internal/clang_reader.hpp"
#include "base/error.hpp"

namespace leakline::audit {

const std::string& clang_library() {
    throw Error(ErrorKind::input, "libclang", "this build cannot read C and C++: it was made without libclang's header",
                "apt-get install libclang-14-dev, then configure and build again");
}

ReadUnit read_clang_unit(const ClangUnit&, const std::vector<std::string>&) {
    clang_library();
    return {};
}

}  // namespace leakline::audit
