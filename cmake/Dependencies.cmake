find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
# Its "-pthread" would define a macro that the precompiled headers do not have.
set_target_properties(PkgConfig::RE2 PROPERTIES INTERFACE_COMPILE_OPTIONS "")
pkg_check_modules(HDF5 REQUIRED IMPORTED_TARGET hdf5)
pkg_check_modules(TOMLPLUSPLUS REQUIRED tomlplusplus)  # used as headers only
if(CARRYALL_TESTS)
  find_package(GTest REQUIRED)
endif()

set(CARRYALL_VENV_PYTHON "${PROJECT_SOURCE_DIR}/.venv/bin/python" CACHE FILEPATH
    "Interpreter that the Python package is for, and whose pyarrow is used")
if(CARRYALL_ARROW STREQUAL "wheel")
  include(ArrowFromWheel)
elseif(CARRYALL_ARROW STREQUAL "system")
  include(ArrowFromSystem)
else()
  message(FATAL_ERROR "CARRYALL_ARROW must be 'wheel' or 'system', not '${CARRYALL_ARROW}'")
endif()
