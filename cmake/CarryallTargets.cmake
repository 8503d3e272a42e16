include(GNUInstallDirs)

add_library(carryall_options INTERFACE)
target_compile_options(carryall_options INTERFACE -Wall -Wextra -Wshadow -Wno-unused-parameter
                       $<$<BOOL:${CARRYALL_WERROR}>:-Werror>)
target_include_directories(carryall_options INTERFACE "${PROJECT_SOURCE_DIR}/src")

# Parsing headers takes seconds a file, and so does what a header leaves to instantiate at the
# end of every file that has it precompiled: <arrow/api.h> and <arrow/ipc/api.h> 1.3 s, those
# below a third of that.
function(carryall_precompiled kind)
  cmake_parse_arguments(arg "" "" "HEADERS;LINK;OPTIONS" ${ARGN})
  set(source "${PROJECT_BINARY_DIR}/pch_${kind}.cc")
  if(NOT EXISTS "${source}")
    file(WRITE "${source}" "")
  endif()
  add_library(carryall_pch_${kind} OBJECT "${source}")
  target_link_libraries(carryall_pch_${kind} PRIVATE carryall_options Arrow::core ${arg_LINK})
  target_compile_options(carryall_pch_${kind} PRIVATE ${arg_OPTIONS})
  target_precompile_headers(carryall_pch_${kind} PRIVATE
    <algorithm> <atomic> <chrono> <condition_variable> <cstdint> <cstring> <functional>
    <map> <memory> <mutex> <optional> <string> <string_view> <thread> <unordered_map>
    <utility> <variant> <vector> <arrow/buffer.h> <arrow/ipc/writer.h> <arrow/record_batch.h>
    <arrow/result.h> <arrow/type.h> <arrow/util/key_value_metadata.h> <fmt/format.h>
    ${arg_HEADERS})
endfunction()

# Tests are compiled for a few runs only: to compile and run, -O1 takes as long as -O0 does
# (430 s, 2 cores), and a file at -O2 takes 3 s more.
set(carryall_test_options $<$<CONFIG:Release>:-O1>)

function(carryall_precompiled_headers)
  carryall_precompiled(core)
  carryall_precompiled(flight HEADERS <arrow/flight/types.h> LINK Arrow::flight)
  if(CARRYALL_TESTS)
    carryall_precompiled(tests HEADERS <arrow/flight/types.h> <gmock/gmock.h> <gtest/gtest.h>
      LINK Arrow::flight GTest::gtest GTest::gmock OPTIONS ${carryall_test_options})
  endif()
endfunction()

# carryall_test_program(<executable> <what it links to...>)
function(carryall_test_program target)
  target_precompile_headers(${target} REUSE_FROM carryall_pch_tests)
  target_compile_options(${target} PRIVATE ${carryall_test_options})
  target_link_libraries(${target} PRIVATE ${ARGN} GTest::gtest_main GTest::gmock)
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
endfunction()

# carryall_library(<folder> DEPS <folders...> LINK <external targets...> [FLIGHT])
# One folder = one library carryall::<folder> of every .cc in it that is not a test, and
# one test program of every *_test.cc beside them.
function(carryall_library folder)
  cmake_parse_arguments(arg "FLIGHT" "" "DEPS;LINK;TEST_LINK" ${ARGN})
  foreach(dep IN LISTS arg_DEPS)
    if(NOT dep IN_LIST CARRYALL_LAYER_${folder})
      message(FATAL_ERROR "${folder} -> ${dep}: no such edge in cmake/Layers.cmake")
    endif()
  endforeach()
  string(REPLACE "/" "_" name "${folder}")
  set(pch carryall_pch_core)
  if(arg_FLIGHT)
    set(pch carryall_pch_flight)
    list(APPEND arg_LINK Arrow::flight)
  endif()
  list(TRANSFORM arg_DEPS REPLACE "/" "_" OUTPUT_VARIABLE deps)
  list(TRANSFORM deps PREPEND carryall_)

  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  if(sources)
    add_library(carryall_${name} STATIC ${sources})
    target_precompile_headers(carryall_${name} REUSE_FROM ${pch})
    target_link_libraries(carryall_${name} PUBLIC carryall_options ${deps} Arrow::core
                          ${arg_LINK})
  else()
    add_library(carryall_${name} INTERFACE)
    target_link_libraries(carryall_${name} INTERFACE carryall_options ${deps} Arrow::core
                          ${arg_LINK})
  endif()
  add_library(carryall::${name} ALIAS carryall_${name})
  if(CARRYALL_TESTS AND tests)
    add_executable(${name}_test ${tests})
    carryall_test_program(${name}_test carryall_${name} ${arg_TEST_LINK})
    # Only for those that read files of the tree: others compile alike in every clone.
    foreach(test IN LISTS tests)
      file(STRINGS "${test}" uses REGEX "CARRYALL_SOURCE_DIR" LIMIT_COUNT 1)
      if(uses)
        set_source_files_properties("${test}" PROPERTIES COMPILE_DEFINITIONS
          "CARRYALL_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\"")
      endif()
    endforeach()
    add_test(NAME ${name} COMMAND ${name}_test)
    set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 600)
  endif()
endfunction()
