if(CARRYALL_SANITIZE)
  add_compile_options(-fsanitize=${CARRYALL_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CARRYALL_SANITIZE})
  # Instrumented code takes 7.5 s a file to compile so, 11.5 s with -O1 -g.
  set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
endif()
