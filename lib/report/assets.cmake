# Makes OUT, a C++ file that holds the files in assets/ as string literals.
# usage: cmake -DDIRECTORY=lib/report/assets -DOUT=assets.cpp -P assets.cmake
set(text "// Made by assets.cmake from the files in lib/report/assets.\n#include \"report/internal/html_page.hpp\"\n\n// Longer than every compiler has to take them; gcc and clang do.\n#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n\nnamespace leakline::report::assets {\n\n")
foreach(pair uplot_css=uplot.min.css uplot_js=uplot.min.js flamegraph_js=flamegraph.min.js report_css=report.css report_js=report.js licenses=LICENSES.txt)
  string(REPLACE "=" ";" pair ${pair})
  list(GET pair 0 name)
  list(GET pair 1 file)
  file(READ ${DIRECTORY}/${file} content)
  string(APPEND text "const std::string_view ${name} = R\"asset(${content})asset\";\n\n")
endforeach()
string(APPEND text "}  // namespace leakline::report::assets\n")
file(WRITE ${OUT} "${text}")
