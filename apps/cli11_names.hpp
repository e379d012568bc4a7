// The names of CLI11 that headers need. What includes such a header and no options of its own is spared the parsing and the
// inline functions of CLI11: 10 s of processor time per file.
#pragma once

namespace CLI {
class App;
class Option;
class ParseError;
}  // namespace CLI
