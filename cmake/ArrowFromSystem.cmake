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
  carryall_find_pyarrow("name its interpreter with -DCARRYALL_VENV_PYTHON=..., or build with \
-DCARRYALL_PYTHON=OFF")
  if(NOT CARRYALL_PYARROW_VERSION VERSION_EQUAL Arrow_VERSION)
    message(FATAL_ERROR "pyarrow of ${CARRYALL_VENV_PYTHON} is built against Arrow "
                        "${CARRYALL_PYARROW_VERSION}, the system's is ${Arrow_VERSION}: both "
                        "would be in one process")
  endif()
  find_library(CARRYALL_ARROW_PYTHON NAMES arrow_python HINTS "${CARRYALL_PYARROW_DIR}" REQUIRED)
  carryall_arrow_library(python "${CARRYALL_ARROW_PYTHON}" Arrow::core)
  target_include_directories(Arrow::python SYSTEM INTERFACE "${CARRYALL_PYARROW_DIR}/include")
endif()
message(STATUS "Arrow ${Arrow_VERSION} from ${Arrow_DIR}")
