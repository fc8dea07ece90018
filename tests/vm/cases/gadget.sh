#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# libfido2's tools against "sealkey run --gadget": the key as a true USB
# device. dummy_hcd is both ends of the cable, so what one process writes to
# /dev/hidg0 comes out of a hidraw device of the usbhid driver.
#
# Time limit: 180 s

. "$VM_REPO/tests/vm/guest.sh"
. "$VM_REPO/tests/vm/fido2.sh"
. "$VM_REPO/tests/vm/gadget.sh"

start_udev
check "the kernel has both ends of a cable" \
    modprobe -a configfs libcomposite usb_f_hid dummy_hcd usbhid
check "a HID gadget is made" make_gadget
udevadm settle
check "it has a device file" [ -c /dev/hidg0 ]

start_sealkey --gadget /dev/hidg0
wait_hidraw usb
check "it is a device of the usbhid driver" \
    grep -q DRIVER=usbhid "/sys/class/hidraw/${hidraw##*/}/device/../uevent"
check_token "$hidraw"
check "it ends when asked to" stop_sealkey
# a plugged key that nobody serves keeps others waiting
check "it is unplugged" set_gadget UDC ""
check "its device is gone" hidraw_gone usb
finish
