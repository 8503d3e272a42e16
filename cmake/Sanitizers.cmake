if(CARRYALL_SANITIZE)
  add_compile_options(-fsanitize=${CARRYALL_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CARRYALL_SANITIZE})
endif()
