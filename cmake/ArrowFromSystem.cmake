# Arrow C++, Flight and Parquet of a system or conda install, through the CMake packages
# that Arrow installs. What joins it to Python is in pyarrow only: for the extension module
# the interpreter's pyarrow must be one built against that same Arrow.
find_package(Arrow REQUIRED)
find_package(ArrowFlight REQUIRED)
find_package(Parquet REQUIRED)

function(carryall_arrow_library target theirs)
  add_library(Arrow::${target} INTERFACE IMPORTED GLOBAL)
  target_link_libraries(Arrow::${target} INTERFACE ${theirs} ${ARGN})
endfunction()
carryall_arrow_library(core Arrow::arrow_shared)
carryall_arrow_library(flight ArrowFlight::arrow_flight_shared Arrow::core)
carryall_arrow_library(parquet Parquet::parquet_shared Arrow::core)

if(CARRYALL_PYTHON)
  execute_process(
    COMMAND "${CARRYALL_VENV_PYTHON}" -c
      "import pyarrow as p, os; print(os.path.dirname(p.__file__)); print(p.cpp_version)"
    OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "no pyarrow in ${CARRYALL_VENV_PYTHON}: name its interpreter with "
                        "-DCARRYALL_VENV_PYTHON=..., or build with -DCARRYALL_PYTHON=OFF")
  endif()
  string(REPLACE "\n" ";" found "${found}")
  list(GET found 0 directory)
  list(GET found 1 version)
  if(NOT version VERSION_EQUAL Arrow_VERSION)
    message(FATAL_ERROR "pyarrow of ${CARRYALL_VENV_PYTHON} is built against Arrow ${version}, "
                        "the system's is ${Arrow_VERSION}: both would be in one process")
  endif()
  find_library(CARRYALL_ARROW_PYTHON NAMES arrow_python HINTS "${directory}" REQUIRED)
  carryall_arrow_library(python "${CARRYALL_ARROW_PYTHON}" Arrow::core)
  target_include_directories(Arrow::python SYSTEM INTERFACE "${directory}/include")
endif()
message(STATUS "Arrow ${Arrow_VERSION} from ${Arrow_DIR}")
