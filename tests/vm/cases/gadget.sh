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

# The FIDO report descriptor: 64 bytes in, 64 bytes out.
report_descriptor='\x06\xd0\xf1\x09\x01\xa1\x01\x09\x20\x15\x00\x26\xff\x00'
report_descriptor+='\x75\x08\x95\x40\x81\x02\x09\x21\x15\x00\x26\xff\x00'
report_descriptor+='\x75\x08\x95\x40\x91\x02\xc0'
gadget=/sys/kernel/config/usb_gadget/sealkey

# set_gadget FILE VALUE
set_gadget()
{
	echo "$2" >"$gadget/$1"
}

make_gadget()
{
	mountpoint -q /sys/kernel/config ||
	    mount -t configfs configfs /sys/kernel/config || return
	mkdir -p "$gadget/strings/0x409" "$gadget/configs/c.1" \
	    "$gadget/functions/hid.key" &&
	set_gadget idVendor 0x1209 &&
	set_gadget idProduct 0x0001 &&
	set_gadget strings/0x409/manufacturer sealkey &&
	set_gadget strings/0x409/product "security key" &&
	set_gadget strings/0x409/serialnumber 1 &&
	set_gadget functions/hid.key/report_length 64 &&
	printf '%b' "$report_descriptor" \
	    >"$gadget/functions/hid.key/report_desc" &&
	ln -s "$gadget/functions/hid.key" "$gadget/configs/c.1/" &&
	set_gadget UDC "$(basename /sys/class/udc/dummy_udc.*)"
}

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
