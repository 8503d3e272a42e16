find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
# Its headers alone: base/format_once.cc is its library.
add_library(carryall_fmt INTERFACE)
target_include_directories(carryall_fmt SYSTEM INTERFACE
  $<TARGET_PROPERTY:fmt::fmt-header-only,INTERFACE_INCLUDE_DIRECTORIES>)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
# Its "-pthread" would define a macro that the precompiled headers do not have.
set_target_properties(PkgConfig::RE2 PROPERTIES INTERFACE_COMPILE_OPTIONS "")
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(HDF5 REQUIRED IMPORTED_TARGET hdf5)
pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka)
pkg_check_modules(LIBCRYPTO REQUIRED IMPORTED_TARGET libcrypto)
# librdkafka needs OpenSSL, and the wheel's libparquet exports one of its own: whichever comes
# first in a program is called by all, and Debian's crashes inside another's tables. Named
# first by whoever links librdkafka, Debian's has its own.
set_property(TARGET PkgConfig::RDKAFKA APPEND PROPERTY INTERFACE_LINK_OPTIONS
  "SHELL:-Wl,--push-state,--no-as-needed -lssl -lcrypto -Wl,--pop-state")
pkg_check_modules(TOMLPLUSPLUS REQUIRED tomlplusplus)  # used as headers only
if(CARRYALL_TESTS)
  find_package(GTest REQUIRED)
endif()

set(carryall_python "${PROJECT_SOURCE_DIR}/.venv/bin/python")
if(DEFINED SKBUILD)
  set(carryall_python "${Python_EXECUTABLE}")  # that which makes the wheel
endif()
set(CARRYALL_VENV_PYTHON "${carryall_python}" CACHE FILEPATH
    "Interpreter that the Python package is for, and whose pyarrow is used")
# Sets CARRYALL_PYARROW_DIR and CARRYALL_PYARROW_VERSION, that of the Arrow C++ in it.
function(carryall_find_pyarrow advice)
  execute_process(
    COMMAND "${CARRYALL_VENV_PYTHON}" -c
      "import pyarrow as p, os; print(os.path.dirname(p.__file__)); print(p.cpp_version)"
    OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "no pyarrow in ${CARRYALL_VENV_PYTHON}: ${advice}")
  endif()
  string(REPLACE "\n" ";" found "${found}")
  list(GET found 0 directory)
  list(GET found 1 version)
  set(CARRYALL_PYARROW_DIR "${directory}" PARENT_SCOPE)
  set(CARRYALL_PYARROW_VERSION "${version}" PARENT_SCOPE)
endfunction()

if(CARRYALL_ARROW STREQUAL "wheel")
  include(ArrowFromWheel)
elseif(CARRYALL_ARROW STREQUAL "system")
  include(ArrowFromSystem)
else()
  message(FATAL_ERROR "CARRYALL_ARROW must be 'wheel' or 'system', not '${CARRYALL_ARROW}'")
endif()
