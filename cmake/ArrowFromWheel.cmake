# Arrow C++, Flight and Parquet out of the pinned pyarrow wheel: headers and shared
# libraries, found through the interpreter of the project's own virtual environment.
carryall_find_pyarrow("run `make setup`, or build with -DCARRYALL_ARROW=system")

function(carryall_arrow_library target stem)
  file(GLOB library "${CARRYALL_PYARROW_DIR}/lib${stem}.so.*00")
  list(LENGTH library count)
  if(NOT count EQUAL 1)
    message(FATAL_ERROR "expected one lib${stem}.so.N00 in ${CARRYALL_PYARROW_DIR}, "
                        "found '${library}'")
  endif()
  add_library(Arrow::${target} SHARED IMPORTED GLOBAL)
  set_target_properties(Arrow::${target} PROPERTIES
    IMPORTED_LOCATION "${library}"
    INTERFACE_INCLUDE_DIRECTORIES "${CARRYALL_PYARROW_DIR}/include")
endfunction()
carryall_arrow_library(core arrow)
carryall_arrow_library(flight arrow_flight)
carryall_arrow_library(parquet parquet)
carryall_arrow_library(python arrow_python)
target_link_libraries(Arrow::flight INTERFACE Arrow::core)
target_link_libraries(Arrow::parquet INTERFACE Arrow::core)
target_link_libraries(Arrow::python INTERFACE Arrow::core)
message(STATUS "Arrow ${CARRYALL_PYARROW_VERSION} from ${CARRYALL_PYARROW_DIR}")
