// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/main_library.h"

int main(int argc, char** argv) { return veilsum::aggregator::Main(argc, argv); }
